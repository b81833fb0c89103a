#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace miaudit {

/// How figures are made from scores.
struct MeasureOptions {
  std::vector<double> fprs = {0.01, 0.001};       ///< Each in (0, 1).
  double level = 0.95;                            ///< Two-sided, in (0, 1).
  std::vector<double> priors = {0.01, 0.1, 0.5};  ///< Each in (0, 1).
  uint32_t bootstrap = 0;  ///< Replicates, used where they cover (statistics.md); 0: none, of several targets 400.
  uint64_t seed = 0;

  bool operator==(const MeasureOptions&) const = default;
};

/// Parameters by attack and name, as text.
using AttackParameters = std::map<std::string, std::map<std::string, std::string, std::less<>>, std::less<>>;

/// What an audit is to do.
struct AuditPlan {
  std::vector<std::string> attacks = {"all"};  ///< Names, or "all": every attack whose needs are met.
  AttackParameters parameters;
  MeasureOptions measure;
  uint64_t memory = uint64_t{2} << 30;  ///< Bytes that an audit of many models keeps to; what is larger lies on disk.
  bool curve = false;                   ///< Also with fewer reference models: 2, 4, 8, …
  int folds = 5;                        ///< Cross-fitting of attacks that calibrate on known membership, 2 … 100.
};

/// Takes each attack's scores, one a record, before they are dropped.
using ScoreSink = std::function<void(const std::string& attack, std::span<const double> scores)>;

}  // namespace miaudit
