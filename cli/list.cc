#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/verbs.h"
#include "miaudit/attack/attack.h"
#include "miaudit/engine/architecture.h"
#include "miaudit/io/json.h"
#include "miaudit/signal/signal.h"
#include "miaudit/train/recipe.h"

namespace miaudit::cli {
namespace {

using Json = nlohmann::ordered_json;

struct MetricRow {
  const char* name;
  const char* summary;
};
constexpr MetricRow kMetrics[] = {
    {"auc", "Pr[a member scores higher than a non-member] + half Pr[equal]"},
    {"tpr_at_fpr", "Largest share of members found while accusing at most this share of non-members"},
    {"balanced_accuracy", "Mean of the shares of members and non-members called rightly, at the best threshold"},
    {"advantage", "Largest TPR - FPR over thresholds"},
    {"precision_at_prior", "Share of members among those called members, were members a given share of all"},
};

Json attacks() {
  Json list = Json::array();
  for (const AttackRow& attack : attack_table()) {
    Json needs = {"outputs"};
    for (const Need need : attack.needs) needs.push_back(need_name(need));
    Json parameters = Json::object();
    for (const ParameterRow& parameter : attack.parameters) parameters[parameter.name] = parameter.summary;
    list.push_back({{"name", attack.name},
                    {"summary", attack.summary},
                    {"needs", needs},
                    {"parameters", parameters},
                    {"citation", attack.citation}});
  }
  return list;
}

Json signals() {
  Json list = Json::array();
  for (const SignalRow& signal : signal_table())
    list.push_back({{"name", signal.name},
                    {"summary", signal.summary},
                    {"needs", signal.needs_labels ? Json({"outputs", "labels"}) : Json({"outputs"})},
                    {"citation", signal.source}});
  return list;
}

Json metrics() {
  Json list = Json::array();
  for (const MetricRow& metric : kMetrics) list.push_back({{"name", metric.name}, {"summary", metric.summary}});
  return list;
}

Json architectures() {
  Json list = Json::array();
  for (const ArchitectureRow& row : architecture_table())
    list.push_back({{"name", row.name}, {"summary", row.summary}});
  list.push_back({{"name", "gbdt"}, {"summary", "boosted trees (XGBoost), for rows of tables"}});
  return list;
}

Json presets() {
  Json list = Json::array();
  for (const PresetRow& preset : preset_table()) {
    Json row = {{"name", preset.name}, {"summary", preset.summary}};
    row["recipe"] = Json::parse(to_json(preset_recipe(preset.name)).dump());
    list.push_back(std::move(row));
  }
  return list;
}

struct Family {
  const char* name;
  Json (*rows)();
};
constexpr Family kFamilies[] = {{"attacks", attacks},
                                {"signals", signals},
                                {"metrics", metrics},
                                {"architectures", architectures},
                                {"presets", presets}};

std::string as_text(const Json& list) {
  std::string text;
  for (const Json& row : list) {
    text += fmt::format("{:<18} {}\n", row["name"].get<std::string>(), row["summary"].get<std::string>());
    if (!row.contains("needs")) continue;
    std::string needs;
    for (const Json& need : row["needs"]) needs += (needs.empty() ? "" : ", ") + need.get<std::string>();
    text += fmt::format("{:<18} needs {}; {}\n", "", needs, row["citation"].get<std::string>());
  }
  return text;
}

}  // namespace

void add_list(CLI::App& app, Shell& shell) {
  CLI::App* verb =
      app.add_subcommand("list", "What there is: attacks, signals, metrics, architectures or presets of training");
  struct Arguments {
    std::string what;
    bool json = false;
  };
  auto a = std::make_shared<Arguments>();
  std::vector<std::string> names;
  for (const Family& family : kFamilies) names.emplace_back(family.name);
  verb->add_option("what", a->what, "Family to list")->required()->check(CLI::IsMember(names));
  verb->add_flag("--json", a->json, "As JSON");
  verb->callback([a] {
    for (const Family& family : kFamilies) {
      if (a->what != family.name) continue;
      const Json list = family.rows();
      print(a->json ? json_text(list, 2) : as_text(list));
    }
  });
  (void)shell;
}

}  // namespace miaudit::cli
