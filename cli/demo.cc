#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <numeric>

#include "cli/audit_request.h"
#include "cli/report_folder.h"
#include "cli/verbs.h"
#include "miaudit/base/rng.h"
#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/learn/learners.h"

namespace miaudit::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kSide = 3000;  // Images on each side: few enough that the model overfits.
constexpr size_t kClasses = 10;

struct Arguments {
  std::string data = "/usr/share/datasets/fashion-mnist";
  std::string out = "miaudit-demo";
  uint64_t seed = 0;
};

// A folder of another's arrays may hold files of the same names.
bool is_demos_array(const fs::path& path, ElementType type, const std::vector<size_t>& shape) {
  try {
    const Array array = read_npy(path);
    return array.type() == type && array.shape() == shape;
  } catch (const Error&) {
    return false;
  }
}

bool is_demos(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name == "outputs.npy") return is_demos_array(path, ElementType::float32, {2 * kSide, kClasses});
  if (name == "labels.npy") return is_demos_array(path, ElementType::int32, {2 * kSide});
  if (name == "membership.npy") return is_demos_array(path, ElementType::int8, {2 * kSide});
  return name == "report" || name.starts_with("report.unfinished-") || is_unfinished_file(path);
}

struct Images {
  std::vector<float> pixels;  ///< [2·kSide][width], the members first
  std::vector<int32_t> labels;
  size_t width = 0;
  MatrixView<const float> all() const { return {pixels.data(), 2 * kSide, width}; }
  MatrixView<const float> members() const { return {pixels.data(), kSide, width}; }
};

Images draw_images(const Arguments& a) {
  const fs::path folder = a.data;
  if (!fs::exists(folder / "train-images-idx3-ubyte.gz"))
    fail(Category::input,
         "{} holds no train-images-idx3-ubyte.gz; install Debian's package dataset-fashion-mnist, or "
         "name the folder with --data",
         folder.string());
  const Array images = read_array((folder / "train-images-idx3-ubyte.gz").string());
  const Array labels = read_array((folder / "train-labels-idx1-ubyte.gz").string());
  if (images.type() != ElementType::uint8 || images.dims() != 3 || labels.type() != ElementType::uint8 ||
      labels.size() != images.rows() || images.rows() < 2 * kSide)
    fail(Category::input, "{}: images {} and labels {} are not Fashion-MNIST's", folder.string(),
         shape_text(images.shape()), shape_text(labels.shape()));

  std::vector<uint32_t> order(images.rows());
  std::iota(order.begin(), order.end(), 0u);
  Rng(a.seed, 2).shuffle(std::span(order));
  Images drawn;
  drawn.width = images.size() / images.rows();
  for (size_t i = 0; i < 2 * kSide; ++i) {
    const std::span<const uint8_t> pixels = images.as<uint8_t>().subspan(order[i] * drawn.width, drawn.width);
    for (const uint8_t pixel : pixels) drawn.pixels.push_back(static_cast<float>(pixel) / 255);
    drawn.labels.push_back(labels.as<uint8_t>()[order[i]]);
  }
  return drawn;
}

double accuracy(std::span<const float> logits, std::span<const int32_t> labels, size_t begin, size_t end) {
  size_t right = 0;
  for (size_t i = begin; i < end; ++i) {
    const auto row = logits.subspan(i * kClasses, kClasses);
    right += std::max_element(row.begin(), row.end()) - row.begin() == labels[i];
  }
  return static_cast<double>(right) / static_cast<double>(end - begin);
}

void run(const Arguments& a, Shell& shell) {
  const Context context = shell.context();
  const fs::path out = a.out;
  check_own_folder(out, "demo", is_demos);
  ReportFolder::check(out / "report");
  print(fmt::format("Training a logistic regression on {} Fashion-MNIST images (the members) …\n", grouped(kSide)));
  const Images images = draw_images(a);
  SoftmaxOptions training;
  training.seed = a.seed;
  const std::span<const int32_t> labels = images.labels;
  const SoftmaxModel model = fit_softmax(images.members(), labels.first(kSide), kClasses, training, context);
  std::vector<float> logits(2 * kSide * kClasses);
  model.logits(images.all(), {logits.data(), 2 * kSide, kClasses});
  shell.clear_progress();
  print(fmt::format("It is right on {:.1f} % of them, and on {:.1f} % of {} other images,\nthe non-members.\n\n",
                    100 * accuracy(logits, labels, 0, kSide), 100 * accuracy(logits, labels, kSide, 2 * kSide),
                    grouped(kSide)));

  std::vector<int8_t> membership(2 * kSide);
  std::fill_n(membership.begin(), kSide, int8_t{1});
  make_directory(out);
  write_npy(out / "outputs.npy", Array::from(std::move(logits), {2 * kSide, kClasses}));
  write_npy(out / "labels.npy", Array::from(images.labels, {2 * kSide}));
  write_npy(out / "membership.npy", Array::from(std::move(membership), {2 * kSide}));

  AuditRequest request;
  request.paths.outputs = {(out / "outputs.npy").string()};
  request.paths.labels = {(out / "labels.npy").string()};
  request.paths.membership = (out / "membership.npy").string();
  request.plan.measure.seed = a.seed;
  request.out = (out / "report").string();
  print(fmt::format("$ miaudit audit --outputs {} \\\n    --labels {} --membership {} \\\n    --seed {} --out {}\n\n",
                    request.paths.outputs[0], request.paths.labels[0], request.paths.membership, a.seed, request.out));
  shell.exit_code = run_audit(request, shell);
}

}  // namespace

void add_demo(CLI::App& app, Shell& shell) {
  CLI::App* verb =
      app.add_subcommand("demo", "The whole way on Fashion-MNIST: train a model, audit it, read the report");
  auto a = std::make_shared<Arguments>();
  verb->add_option("--data", a->data, "Folder of Fashion-MNIST's .idx.gz files (Debian: dataset-fashion-mnist)")
      ->type_name(kFolderType);
  verb->add_option("--out", a->out, "Folder for the arrays and the report")->type_name(kFolderType);
  verb->add_option("--seed", a->seed, "Fixes the images drawn, the training and the audit");
  add_common_options(*verb, shell);
  verb->callback([a, &shell] { run(*a, shell); });
}

}  // namespace miaudit::cli
