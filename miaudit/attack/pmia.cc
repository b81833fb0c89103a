#include <algorithm>
#include <cmath>

#include "miaudit/attack/reference_scores.h"
#include "miaudit/attack/rows.h"

namespace miaudit {
namespace {

constexpr std::string_view kProxies[] = {"nearest", "class", "global"};
constexpr ParameterRow kParameters[] = {
    {"proxies", "whose values as members stand in for the record's: its nearest by models without it, its class, all",
     ChoiceParameter{"nearest", kProxies}},
    {"neighbours", "how many the nearest are", IntegerParameter{50, 1, 1'000'000}}};

struct Normal {
  double mean;
  double variance;
};

/// Records that can stand in for others, and sums over them from which any run of them follows. As numbers of a fit:
/// how many there are, and then of all of them the record, its OUT mean, its IN mean and its IN variance.
class Proxies {
 public:
  /// Takes its numbers off the front of `fitted`.
  Proxies(std::span<const double>& fitted, double centre)
      : size_(static_cast<size_t>(fitted.front())),
        records_(fitted.subspan(1, size_)),
        out_(fitted.subspan(1 + size_, size_)),
        centre_(centre),
        sums_(size_ + 1),
        squares_(size_ + 1),
        places_(size_ == 0 ? 0 : static_cast<size_t>(*std::ranges::max_element(records_)) + 1, kNobody) {
    const std::span<const double> mean = fitted.subspan(1 + 2 * size_, size_);
    const std::span<const double> variance = fitted.subspan(1 + 3 * size_, size_);
    for (size_t r = 0; r < size_; ++r) {
      places_[static_cast<size_t>(records_[r])] = static_cast<uint32_t>(r);
      const double off = mean[r] - centre;
      sums_[r + 1] = sums_[r] + off;
      squares_[r + 1] = squares_[r] + off * off + variance[r];
    }
    fitted = fitted.subspan(1 + 4 * size_);
  }
  size_t size() const { return size_; }
  /// Where a record stands that is among them, or kNobody.
  static constexpr uint32_t kNobody = UINT32_MAX;
  size_t place_of(size_t record) const { return record < places_.size() ? places_[record] : kNobody; }
  /// How many stand before another, in order of OUT means, and of numbers where these are alike.
  size_t place_among(size_t record, double out) const {
    const auto alike = std::ranges::equal_range(out_, out);
    const size_t first = static_cast<size_t>(alike.begin() - out_.begin());
    const std::span<const double> own = records_.subspan(first, alike.size());
    return first + static_cast<size_t>(std::ranges::lower_bound(own, static_cast<double>(record)) - own.begin());
  }
  /// Where the `width` begin that are nearest to an OUT mean, before which `place` stand. is_among: whether it is one's
  /// own, who is among them.
  size_t nearest(double out, size_t place, size_t width, bool is_among) const {
    const size_t last = size_ - width;
    size_t first = std::min(place - std::min(place, is_among ? width - 1 : width), last);
    // While the record past the window is nearer than the first in it, which is so up to some window and no further.
    for (size_t end = std::min(place, last); first < end;) {
      const size_t middle = first + (end - first) / 2;
      if (out - out_[middle] > out_[middle + width] - out) {
        first = middle + 1;
      } else {
        end = middle;
      }
    }
    return first;
  }
  /// All values as members of proxies [begin, end) but `self`, a place among them or kNobody.
  Normal over(size_t begin, size_t end, size_t self) const {
    double count = static_cast<double>(end - begin);
    double sum = sums_[end] - sums_[begin];
    double squares = squares_[end] - squares_[begin];
    if (self != kNobody) {
      --count;
      sum -= sums_[self + 1] - sums_[self];
      squares -= squares_[self + 1] - squares_[self];
    }
    const double mean = sum / count;
    return {centre_ + mean, std::max(0.0, squares / count - mean * mean)};
  }

 private:
  size_t size_;
  std::span<const double> records_, out_;
  double centre_;
  std::vector<double> sums_, squares_;
  std::vector<uint32_t> places_;  // [records]
};

bool is_audited(const Evidence& evidence, size_t i) {
  return evidence.audited.empty() || evidence.audited[i];
}

/// The IN values' mean, the mean variance of OUT values, and of each query the proxies of each part.
std::vector<double> fit(const Evidence& evidence, const Parameters& parameters, const Context&) {
  const size_t models = std::min(evidence.references->models_in(), evidence.references->models_out());
  if (models < kFewestForVariance)
    fail(Category::numeric, "needs {} reference models a side of each record to tell a variance; found {}",
         kFewestForVariance, models);
  const Moments& moments = evidence.references->moments("rescaled_logit");
  const double within = totals_of(moments.out, evidence, "OUT").within;
  if (!(within > 0)) fail(Category::numeric, "reference models agree in every value, so that no variance can be told");
  std::vector<double> fitted = {totals_of(moments.in, evidence, "IN").mean, within};
  const std::string_view kind = parameters.choice("proxies");
  const size_t queries = moments.out.mean.size() / evidence.samples;
  fitted.reserve(2 + queries * (evidence.classes + 4 * evidence.samples));
  for (size_t q = 0; q < queries; ++q) {
    const auto out_of = [&](uint32_t i) { return moments.out.mean[i * queries + q]; };
    std::vector<std::vector<uint32_t>> parts(kind == "class" ? evidence.classes : 1);
    for (uint32_t i = 0; i < evidence.samples; ++i)
      if (is_audited(evidence, i) && !std::isnan(out_of(i)) && !std::isnan(moments.in.mean[i * queries + q]))
        parts[kind == "class" ? static_cast<size_t>(evidence.labels[i]) : 0].push_back(i);
    for (std::vector<uint32_t>& part : parts) {
      if (kind == "nearest")
        std::ranges::sort(
            part, [&](uint32_t a, uint32_t b) { return out_of(a) < out_of(b) || (out_of(a) == out_of(b) && a < b); });
      fitted.push_back(static_cast<double>(part.size()));
      for (const uint32_t i : part) fitted.push_back(i);
      for (const uint32_t i : part) fitted.push_back(out_of(i));
      for (const uint32_t i : part) fitted.push_back(moments.in.mean[i * queries + q]);
      for (const uint32_t i : part) fitted.push_back(moments.in.variance[i * queries + q]);
    }
  }
  return fitted;
}

std::vector<double> apply(const Evidence& evidence, std::span<const double> fitted, const Parameters& parameters,
                          const Context& context) {
  const SignalMatrix& target = evidence.signals.signal("rescaled_logit");
  const Moments& moments = evidence.references->moments("rescaled_logit");
  const std::string_view kind = parameters.choice("proxies");
  const size_t neighbours = static_cast<size_t>(parameters.integer("neighbours"));
  const size_t queries = target.queries;
  const double centre = fitted[0], within = fitted[1];
  fitted = fitted.subspan(2);
  std::vector<double> ratios(target.values.size(), NAN);
  for (size_t q = 0; q < queries; ++q) {
    std::vector<Proxies> parts;
    for (size_t part = 0; part < (kind == "class" ? evidence.classes : 1); ++part) parts.emplace_back(fitted, centre);
    parallel_blocks(evidence.samples, 1 << 12, context, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        const size_t k = i * queries + q;
        const double out = moments.out.mean[k];
        const size_t record = evidence.first + i;
        const Proxies& others = parts[kind == "class" ? static_cast<size_t>(evidence.labels[i]) : 0];
        const size_t own = others.place_of(record);
        const bool is_proxy = own != Proxies::kNobody;
        // A record does not stand in for itself; where nobody else does, it goes unscored.
        if (!is_audited(evidence, i) || std::isnan(out) || others.size() < (is_proxy ? 2 : 1)) continue;
        size_t first = 0, width = others.size();
        if (kind == "nearest") {
          width = std::min(neighbours + (is_proxy ? 1 : 0), width);
          first = others.nearest(out, is_proxy ? own : others.place_among(record, out), width, is_proxy);
        }
        Normal in = others.over(first, first + width, own);
        in.variance = std::max(in.variance, 1e-12 * within);
        const double from_in = target.values[k] - in.mean, from_out = target.values[k] - out;
        ratios[k] = 0.5 * std::log(within / in.variance) - from_in * from_in / (2 * in.variance) +
                    from_out * from_out / (2 * within);
      }
    });
  }
  return mean_of(evidence.samples, queries, context, [&](size_t k) { return ratios[k]; });
}

}  // namespace

constinit const AttackRow kPmiaAttack = {
    .name = "pmia",
    .summary = "As lira, with other records' values as members for want of the record's own.",
    .needs = kNeedInAndOut,
    .parameters = kParameters,
    .citation = "Proxy membership inference, NDSS 2026",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = FittedAttack{fit, apply},
};

}  // namespace miaudit
