#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace miaudit::cli {

/// A job script for a cluster: an array of which each element trains some models of a run, or computes the signals of
/// some of its records for an audit.
struct EmitOptions {
  std::string system;             ///< slurm, sge, htcondor or kubernetes
  std::string run;                ///< absolute
  std::string time = "04:00:00";  ///< or 4h, 1d12h, 90m
  std::string memory;             ///< a number with K, M, G or T; "": least_memory, 3G for an audit
  std::string least_memory = "2G";
  size_t cpus = 1;
  size_t gpus = 0;
  size_t chunk = 1;
  std::string verb = "train";  ///< train or audit
  size_t shards = 8;           ///< elements of an audit
};

/// `missing`: the models to train, ascending. Throws Error(config) where there are none.
std::string job_script(const EmitOptions& options, size_t models, size_t records, const std::vector<size_t>& missing);

/// The elements that models lie in, `chunk` to each; `models` and they ascend.
std::vector<size_t> elements_of(const std::vector<size_t>& models, size_t chunk);

/// {3, 7, 8, 9} as "3,7-9".
std::string ranges_text(const std::vector<size_t>& numbers);

}  // namespace miaudit::cli
