#include <algorithm>
#include <nlohmann/json.hpp>

#include "miaudit/io/json.h"
#include "miaudit/report/report.h"

namespace miaudit {
namespace {

using Json = nlohmann::ordered_json;

Json number(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json of(const Estimate& e) {
  return {{"value", number(e.value)},
          {"low", number(e.low)},
          {"high", number(e.high)},
          {"level", e.level},
          {"method", e.method}};
}

Json merged(Json first, const Json& second) {
  first.update(second);
  return first;
}

Json of(const std::vector<CurvePoint>& curve) {
  Json json = Json::array();
  for (const CurvePoint& point : curve) json.push_back({point.fpr, point.tpr});
  return json;
}

Json of(const Metrics& metrics) {
  Json rates = Json::array();
  for (const RateAtFpr& rate : metrics.tpr_at_fpr) {
    Json one = merged({{"fpr", rate.fpr}}, of(rate.tpr));
    one["threshold"] = number(rate.threshold);
    one["precision_at_prior"] = Json::array();
    for (const PrecisionAtPrior& p : rate.precision)
      one["precision_at_prior"].push_back(merged({{"prior", p.prior}}, of(p.estimate)));
    rates.push_back(std::move(one));
  }
  return {{"members", metrics.members},
          {"nonmembers", metrics.nonmembers},
          {"auc", of(metrics.auc)},
          {"balanced_accuracy", of(metrics.balanced_accuracy)},
          {"advantage", of(metrics.advantage)},
          {"tpr_at_fpr", rates},
          {"roc", of(metrics.curve)}};
}

Json of(const Decision& d) {
  return {{"rule", d.rule},
          {"threshold", d.threshold},
          {"member_mean", d.member_mean},
          {"nonmember_mean", d.nonmember_mean},
          {"member_accuracy", of(d.member_accuracy)},
          {"nonmember_accuracy", of(d.nonmember_accuracy)}};
}

Json of(const std::vector<Estimate>& tpr, const std::vector<RateAtFpr>& fprs) {
  Json rates = Json::array();
  for (size_t f = 0; f < tpr.size(); ++f) rates.push_back(merged({{"fpr", fprs[f].fpr}}, of(tpr[f])));
  return rates;
}

Json of(const std::vector<TargetFigures>& targets, const std::vector<RateAtFpr>& fprs) {
  Json json = Json::array();
  for (const TargetFigures& target : targets)
    json.push_back({{"model", target.model},
                    {"members", target.members},
                    {"nonmembers", target.nonmembers},
                    {"auc", of(target.auc)},
                    {"tpr_at_fpr", of(target.tpr, fprs)}});
  return json;
}

Json of(const AttackResult& attack) {
  Json json = {{"name", attack.name},   {"summary", attack.summary},       {"citation", attack.citation},
               {"needs", attack.needs}, {"parameters", attack.parameters}, {"estimates", of(attack.estimates)}};
  if (attack.group_estimates) json["group_estimates"] = of(*attack.group_estimates);
  if (attack.decision) json["decision"] = of(*attack.decision);
  for (size_t f = 0; f < attack.released_tpr.size(); ++f)
    json["tpr_of_released_code"].push_back(
        {{"fpr", attack.estimates.tpr_at_fpr[f].fpr}, {"value", attack.released_tpr[f]}});
  if (attack.unscored > 0) json["unscored"] = attack.unscored;
  if (!attack.targets.empty()) json["targets"] = of(attack.targets, attack.estimates.tpr_at_fpr);
  for (size_t t = 0; t < attack.targets.size(); ++t) json["targets"][t]["roc"] = of(attack.targets[t].curve);
  return json;
}

Json of(const std::vector<Skipped>& attacks) {
  Json json = Json::array();
  for (const Skipped& skipped : attacks) json.push_back({{"name", skipped.name}, {"reason", skipped.reason}});
  return json;
}

Json of(const BudgetPoint& point, const std::vector<RateAtFpr>& fprs) {
  Json attacks = Json::array();
  for (const BudgetFigures& figures : point.attacks) {
    Json json = {{"name", figures.attack}, {"members", figures.members},          {"nonmembers", figures.nonmembers},
                 {"auc", of(figures.auc)}, {"tpr_at_fpr", of(figures.tpr, fprs)}, {"seconds", figures.seconds}};
    if (!figures.targets.empty()) json["targets"] = of(figures.targets, fprs);
    attacks.push_back(std::move(json));
  }
  Json json = {{"references", point.references}, {"attacks", attacks}, {"skipped", of(point.skipped)}};
  json["headline"] = point.headline.empty() ? Json(nullptr) : Json(point.headline);
  return json;
}

Json of(const Exposure& exposure) {
  Json rates = Json::array();
  for (const ExposureRate& rate : exposure.rates) {
    Json json = {{"fpr", rate.fpr}, {"found_ever", rate.found_ever}, {"found_by_half", rate.found_by_half}};
    if (rate.per_record)
      json["per_record_threshold"] = {{"tpr", of(rate.per_record->tpr)},
                                      {"tpr_corrected", of(rate.per_record->corrected_tpr)},
                                      {"records", rate.per_record->records}};
    rates.push_back(std::move(json));
  }
  Json records = Json::array();  // the rest is in records.csv
  for (size_t k = 0; k < std::min(Exposure::kShown, exposure.records.size()); ++k) {
    const ExposedRecord& record = exposure.records[k];
    Json json = {{"record", record.record}};
    if (!record.id.empty()) json["id"] = record.id;
    json["trained"] = record.trained;
    json["found_at_fpr"] = Json::array();
    for (size_t f = 0; f < record.found.size(); ++f)
      json["found_at_fpr"].push_back({{"fpr", exposure.rates[f].fpr},
                                      {"count", record.found[f].count},
                                      {"low", record.found[f].low},
                                      {"high", record.found[f].high}});
    json["separation"] = record.separation;
    records.push_back(std::move(json));
  }
  return {{"attack", exposure.attack}, {"records", exposure.trained}, {"by_fpr", rates}, {"most_exposed", records}};
}

Json of(const HeadlineFigure& figure) {
  Json json = merged({{"attack", figure.attack}}, of(figure.estimate));
  if (!figure.surest.empty()) json["surest"] = figure.surest;
  return json;
}

Json of(const Headline& headline) {
  Json rates = Json::array();
  for (const HeadlineRate& rate : headline.tpr_at_fpr) rates.push_back(merged({{"fpr", rate.fpr}}, of(rate.figure)));
  return {{"attacks_tried", headline.attacks_tried},
          {"correction", headline.correction},
          {"auc", of(headline.auc)},
          {"balanced_accuracy", of(headline.balanced_accuracy)},
          {"advantage", of(headline.advantage)},
          {"tpr_at_fpr", rates}};
}

Json of(const SelfChecks& checks) {
  Json json = {{"duplicates", checks.duplicates}, {"class_balance_p", number(checks.class_balance_p)}};
  if (checks.label_fit)
    json["label_fit"] = {{"accuracy", checks.label_fit->accuracy}, {"by_chance", checks.label_fit->by_chance}};
  if (checks.permutation_null)
    json["permutation_null"] = merged({{"passed", checks.permutation_null_passed}}, of(*checks.permutation_null));
  if (checks.planted_leak)
    json["planted_leak"] = merged({{"passed", checks.planted_leak_passed}, {"truth", checks.planted_leak_truth}},
                                  of(*checks.planted_leak));
  return json;
}

std::string finding_name(Finding finding) {
  switch (finding) {
    case Finding::leak:
      return "leak";
    case Finding::no_leak_found:
      return "no_leak_found";
    case Finding::inconclusive:
      return "inconclusive";
    case Finding::not_assessed:
      break;
  }
  return "not_assessed";
}

Json provenance(const AuditResult& result) {
  Json files = Json::array();
  for (const InputFile& file : result.files)
    files.push_back({{"role", file.role},
                     {"path", file.path},
                     {"type", file.element_type},
                     {"shape", file.shape},
                     {"xxh3_128", file.hash}});
  return {{"miaudit_version", result.miaudit_version},
          {"kernel_target", result.kernel_target},
          {"seed", result.seed},
          {"folds", result.folds},
          {"level", result.level},
          {"intervals", result.interval_method},
          {"files", files}};
}

}  // namespace

std::string to_json(const AuditResult& result) {
  const Subject& subject = result.subject;
  Json json = {{"schema_version", kResultSchemaVersion},
               {"provenance", provenance(result)},
               {"subject",
                {{"records", subject.records},
                 {"members", subject.members},
                 {"nonmembers", subject.nonmembers},
                 {"unknown", subject.unknown},
                 {"groups", subject.groups},
                 {"classes", subject.classes},
                 {"queries", subject.queries},
                 {"input", subject.input_form},
                 {"input_detected", subject.form_detected},
                 {"type", subject.element_type},
                 {"population", subject.population},
                 {"models", subject.models},
                 {"targets", subject.targets},
                 {"references", subject.references},
                 {"references_out", subject.references_out},
                 {"references_in", subject.references_in}}},
               {"convention", "membership 1 = member; a higher score = more likely a member"},
               {"finding", finding_name(result.finding)},
               {"verdict", result.verdict}};
  json["headline"] = result.headline ? of(*result.headline) : Json(nullptr);
  json["strongest"] = result.strongest ? of(*result.strongest) : Json(nullptr);
  json["attacks"] = Json::array();
  for (const AttackResult& attack : result.attacks) json["attacks"].push_back(of(attack));
  for (const BudgetPoint& point : result.budget_curve)
    json["budget_curve"].push_back(of(point, result.attacks.front().estimates.tpr_at_fpr));
  json["skipped"] = of(result.skipped);
  json["slices"] = {{"looks", result.slices.size()},
                    {"attack", result.headline ? Json(result.headline->auc.attack) : Json(nullptr)},
                    {"by_class", Json::array()}};
  for (const Slice& slice : result.slices)
    json["slices"]["by_class"].push_back(
        {{"class", slice.value}, {"members", slice.members}, {"nonmembers", slice.nonmembers}, {"auc", of(slice.auc)}});
  json["exposure"] = result.exposure ? of(*result.exposure) : Json(nullptr);
  json["self_checks"] = result.self_checks ? of(*result.self_checks) : Json(nullptr);
  json["warnings"] = Json::array();
  for (const Notice& w : result.warnings)
    json["warnings"].push_back({{"code", w.code}, {"message", w.message}, {"advice", w.advice}});
  if (result.comparison) {
    Json rates = Json::array();
    for (const RateAtFpr& rate : result.comparison->tpr_difference)
      rates.push_back(merged({{"fpr", rate.fpr}}, of(rate.tpr)));
    json["comparison"] = {{"auc_difference", of(result.comparison->auc_difference)}, {"tpr_difference", rates}};
  }
  json["gates"] = Json::array();
  for (const GateResult& gate : result.gates)
    json["gates"].push_back(
        {{"gate", gate.text}, {"kind", gate.kind}, {"failed", gate.failed}, {"explanation", gate.explanation}});
  return json_text(json, 2);
}

}  // namespace miaudit
