#pragma once

#include <functional>
#include <string>
#include <vector>

#include "miaudit/train/plan.h"

namespace miaudit {

struct ShadowOptions {
  size_t jobs = 1;                ///< models at once, each in a thread of its own
  std::vector<size_t> models;     ///< which to see to; empty: all
  double checkpoint_every = 60;   ///< seconds
  std::function<double()> clock;  ///< seconds from any point on
  std::string host;               ///< a name that no other machine on this folder has
  size_t attempts = 3;            ///< of a command, before its model is given up
  bool retries_failed = false;    ///< also those that were given up before
  /// Hears, in the calling thread, what should be known at once: a sentence.
  std::function<void(const std::string&)> tell;
};

/// What a call did.
struct ShadowReport {
  size_t trained = 0;
  size_t done_before = 0;
  size_t by_others = 0;  ///< finished meanwhile by another process
  size_t discarded = 0;  ///< the same, seen only when ours was ready: work done twice
  size_t overtaken = 0;  ///< to be another model by a plan that was made meanwhile: left alone, or discarded
  struct Note {
    size_t model = 0;
    std::string text;
  };
  std::vector<Note> failed;       ///< given up, and why
  double samples_per_second = 0;  ///< that models were trained on here; an answer counts as a third
};

/// Works through the models of a run that are missing. Any number of processes, on any machines, may do so at once:
/// each attempt fills a folder of its own under attempts/, which one rename publishes; the first wins, the others
/// discard theirs. A cancelled context keeps checkpoints and throws Error(checkpointed).
ShadowReport train_shadow_models(const std::filesystem::path& path, const ShadowOptions& options,
                                 const Context& context);

struct Garbage {
  std::vector<std::filesystem::path> removed;
  struct Left {
    std::filesystem::path path;
    std::string why;
  };
  std::vector<Left> left;  ///< what could not be removed
};

/// Takes away what nobody needs: attempts of processes that are gone, checkpoints and work folders of finished models,
/// files that nobody goes on writing. What a living process may still use stays.
Garbage collect_garbage(const std::filesystem::path& path, const std::string& host);

}  // namespace miaudit
