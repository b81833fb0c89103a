#include "cli/recipe_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cli/options.h"

namespace miaudit::cli {
namespace {

// 28x28x1 or 28x28, height first.
Shape parse_shape(const std::string& text) {
  size_t sides[3] = {0, 0, 1};
  size_t given = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (given < 3) {
    const auto [next, error] = std::from_chars(at, end, sides[given]);
    if (error != std::errc() || sides[given] == 0 || sides[given] > 65536) break;
    ++given;
    at = next;
    if (at == end || *at != 'x') break;
    ++at;
  }
  if (given < 2 || at != end)
    fail(Category::config, "--image-shape {}: expected HEIGHTxWIDTH or HEIGHTxWIDTHxCHANNELS, such as 32x32x3", text);
  return {sides[2], sides[0], sides[1]};
}

std::vector<size_t> parse_widths(const std::string& text) {
  std::vector<size_t> widths;
  for (const std::string& part : CLI::detail::split(text, ',')) {
    size_t width = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), width);
    if (error != std::errc() || end != part.data() + part.size() || width == 0 || width > 65536)
      fail(Category::config,
           "--widths {}: expected whole numbers from 1 to 65 536 with commas between, such as 256,128", text);
    widths.push_back(width);
  }
  return widths;
}

std::vector<std::string> architecture_names() {
  std::vector<std::string> names;
  for (const ArchitectureRow& row : architecture_table()) names.emplace_back(row.name);
  names.emplace_back("gbdt");
  return names;
}

// One of a choice's names, as the help lists them.
CLI::Validator known(const std::vector<std::string>& names) {
  return CLI::IsMember(names);
}

bool is_one_of(const std::string& flag, std::initializer_list<const char*> flags) {
  return std::any_of(flags.begin(), flags.end(), [&](const char* one) { return flag == one; });
}

}  // namespace

void add_data_options(CLI::App& verb, DatasetPaths& paths, DatasetOptions& reading) {
  verb.add_option("--data", paths.data,
                  "Records to learn: images or rows as .npy, .npz:key or .idx.gz (uint8 or float), or a .csv whose "
                  "columns of text become 0/1 features")
      ->required()
      ->type_name(kFileType);
  CLI::Option* labels =
      verb.add_option("--labels", paths.labels, "Their classes, 0 to classes-1")->type_name(kFileType);
  verb.add_option("--label-column", reading.table.label_column, "The column of a .csv that holds the classes")
      ->excludes(labels);
  verb.add_option_function<size_t>(
          "--classes", [&reading](const size_t& classes) { reading.classes = classes; },
          "How many classes there are, where the labels do not show all")
      ->check(CLI::Range(size_t{2}, size_t{1000000}));
  verb.add_option_function<std::string>(
          "--image-layout",
          [&reading](const std::string& name) { reading.layout = name == "hwc" ? ImageLayout::hwc : ImageLayout::chw; },
          "Where the channels of images lie: last or first; told from the shape when not given")
      ->check(CLI::IsMember({"hwc", "chw"}));
  verb.add_option_function<std::string>(
          "--image-shape", [&reading](const std::string& text) { reading.image_shape = parse_shape(text); },
          "Height, width and channels of images that lie as flat rows: 28x28 or 32x32x3")
      ->type_name("HxWxC");
  verb.add_option("--categorical", reading.table.categorical, "Columns of numbers that name categories")
      ->delimiter(',')
      ->type_name("COLUMN,...");
  verb.add_option("--ignore-columns", reading.table.ignored, "Columns to leave out")
      ->delimiter(',')
      ->type_name("COLUMN,...");
}

template <class T>
CLI::Option* RecipeOptions::add_change(CLI::App& verb, const std::string& flag, const std::string& description,
                                       std::function<void(Recipe&, const T&)> apply) {
  return verb
      .add_option_function<T>(
          flag,
          [this, flag, apply](const T& value) {
            changes_.push_back({flag, [apply, value](Recipe& recipe) { apply(recipe, value); }});
          },
          description)
      ->group("Training");
}

template <class T>
CLI::Option* RecipeOptions::add(CLI::App& verb, const std::string& flag, const std::string& description,
                                T Recipe::*member) {
  return add_change<T>(verb, flag, description, [member](Recipe& recipe, const T& value) { recipe.*member = value; });
}
template <class T>
CLI::Option* RecipeOptions::add(CLI::App& verb, const std::string& flag, const std::string& description,
                                T OptimizerOptions::*member) {
  return add_change<T>(verb, flag, description,
                       [member](Recipe& recipe, const T& value) { recipe.optimizer.*member = value; });
}

void RecipeOptions::add_flag(CLI::App& verb, const std::string& flag, const std::string& description,
                             std::function<void(Recipe&, bool)> apply) {
  verb.add_flag_function(
          fmt::format("{},!--no-{}", flag, flag.substr(2)),
          [this, flag, apply = std::move(apply)](int64_t count) {
            changes_.push_back({flag, [apply, count](Recipe& recipe) { apply(recipe, count > 0); }});
          },
          description)
      ->group("Training");
}

void RecipeOptions::add_to(CLI::App& verb) {
  std::vector<std::string> presets;
  for (const PresetRow& row : preset_table()) presets.emplace_back(row.name);
  verb.add_option(
          "--preset", preset_,
          "A recipe by name, which the options below change; `miaudit list presets` says what each is. Default: "
          "images for images, tables for rows, trees for gbdt")
      ->check(known(presets))
      ->group("Training");
  verb.add_option("--architecture", architecture_, "What to train; `miaudit list architectures` says what each is")
      ->check(known(architecture_names()))
      ->group("Training");
  add_change<std::string>(verb, "--widths", "Widths of an mlp's hidden layers, such as 256,128",
                          [](Recipe& recipe, const std::string& text) { recipe.widths = parse_widths(text); })
      ->type_name("INT,...");
  add(verb, "--epochs", "Passes over the members; of gbdt rounds", &Recipe::epochs);
  add(verb, "--batch", "Records a step", &Recipe::batch);
  add_change<std::string>(verb, "--optimizer", "How weights follow their gradients",
                          [](Recipe& recipe, const std::string& name) {
                            recipe.optimizer.descent = name == "adam" ? Descent::adam : Descent::sgd;
                          })
      ->check(CLI::IsMember({"sgd", "adam"}));
  add(verb, "--rate", "Learning rate; above 0 and at most 1 000", &OptimizerOptions::rate);
  add(verb, "--momentum", "Of SGD; 0 or more and below 1", &OptimizerOptions::momentum);
  add_flag(verb, "--nesterov", "Nesterov's momentum",
           [](Recipe& recipe, bool is_on) { recipe.optimizer.is_nesterov = is_on; });
  add_change<std::string>(verb, "--schedule",
                          "How the rate declines: along a cosine, to a tenth at 1/2 and a hundredth at 3/4, or not",
                          [](Recipe& recipe, const std::string& name) {
                            recipe.optimizer.decline = name == "cosine"  ? Decline::cosine
                                                       : name == "steps" ? Decline::steps
                                                                         : Decline::constant;
                          })
      ->check(CLI::IsMember({"cosine", "steps", "constant"}));
  add(verb, "--warm-up", "Share of the training that raises the rate from 0", &OptimizerOptions::warm_up);
  add(verb, "--weight-decay", "Of the weights of convolutions and dense layers", &OptimizerOptions::weight_decay);
  add(verb, "--average", "Keep a moving average of the weights, with this share of it kept a step, such as 0.999",
      &OptimizerOptions::average);
  add(verb, "--label-smoothing", "Share of the target spread over all classes", &Recipe::label_smoothing);
  add_flag(verb, "--mirror", "Show each image mirrored every other time, at random",
           [](Recipe& recipe, bool is_on) { recipe.mirror = is_on; });
  add(verb, "--shift", "Show each image moved by up to so many pixels, at random", &Recipe::shift);
  add_change<std::string>(verb, "--padding", "What stands where a moved image left: its reflection, or 0",
                          [](Recipe& recipe, const std::string& name) {
                            recipe.padding = name == "zero" ? Padding::zero : Padding::reflect;
                          })
      ->check(CLI::IsMember({"reflect", "zero"}));
  add_change<std::string>(verb, "--precision",
                          "Arithmetic of products; bf16 is faster where the CPU has it, and coarser",
                          [](Recipe& recipe, const std::string& name) {
                            recipe.precision = name == "bf16" ? Precision::bf16 : Precision::float32;
                          })
      ->check(CLI::IsMember({"float32", "bf16"}));
  add(verb, "--max-depth", "Of gbdt's trees", &Recipe::max_depth);
}

Recipe RecipeOptions::recipe(const Dataset& dataset) const {
  std::string preset = preset_;
  if (preset.empty()) preset = architecture_ == "gbdt" ? "trees" : dataset.is_table() ? "tables" : "images";
  Recipe recipe = preset_recipe(preset);
  if (!architecture_.empty() && (recipe.architecture == "gbdt") != (architecture_ == "gbdt"))
    fail(Category::config, "--preset {} is for {}; its rate would be wrong for {}", preset,
         recipe.architecture == "gbdt" ? "gbdt" : "networks", architecture_);
  if (!architecture_.empty()) recipe.architecture = architecture_;
  for (const Change& change : changes_) change.apply(recipe);
  check_use(recipe);
  return recipe;
}

std::string RecipeOptions::first_given() const {
  if (!preset_.empty()) return "--preset";
  if (!architecture_.empty()) return "--architecture";
  return changes_.empty() ? "" : changes_.front().flag;
}

void RecipeOptions::check_use(const Recipe& recipe) const {
  const bool is_trees = recipe.architecture == "gbdt";
  for (const Change& change : changes_) {
    const std::string& flag = change.flag;
    const bool is_used = is_trees ? is_one_of(flag, {"--epochs", "--rate", "--max-depth"}) : flag != "--max-depth";
    if (!is_used) fail(Category::config, "{} has no meaning for {}; leave it out", flag, recipe.architecture);
    if (recipe.optimizer.descent == Descent::adam && is_one_of(flag, {"--momentum", "--nesterov"}))
      fail(Category::config, "{} is for --optimizer sgd; this recipe takes adam", flag);
  }
}

}  // namespace miaudit::cli
