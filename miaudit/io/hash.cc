#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <memory>

#include "miaudit/io/file.h"
#include "miaudit/io/scratch.h"

namespace miaudit {

std::string content_hash(std::span<const std::byte> bytes, const std::shared_ptr<const void>& owner) {
  constexpr size_t kStretch = size_t{1} << 24;
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), XXH3_freeState);
  if (!state) throw std::bad_alloc();
  XXH3_128bits_reset(state.get());
  for (size_t begin = 0; begin < bytes.size(); begin += kStretch) {
    const auto stretch = bytes.subspan(begin, std::min(kStretch, bytes.size() - begin));
    XXH3_128bits_update(state.get(), stretch.data(), stretch.size());
    let_pass(owner, stretch);
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace miaudit
