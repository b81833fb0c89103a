#include <omp.h>

#include <algorithm>

#include "miaudit/base/error.h"
#include "miaudit/engine/onednn_network.h"
#include "miaudit/math/kernels.h"

namespace miaudit {
namespace onednn {

OnednnNetwork::OnednnNetwork(const Architecture& architecture, size_t batch, Precision precision, Purpose purpose)
    : architecture_(architecture),
      batch_(batch),
      setting_{dnnl::engine(dnnl::engine::kind::cpu, 0), {}, purpose == Purpose::training},
      stream_(setting_.engine),
      activation_(precision == Precision::bf16 ? memory::data_type::bf16 : memory::data_type::f32),
      parameters_(parameters(architecture)),
      arena_(setting_.engine) {
  // oneDNN splits each product over OpenMP's threads; here each thread has a network of its own.
  omp_set_num_threads(1);
  setting_.attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  build();
}

void OnednnNetwork::to_plain(size_t parameter, std::span<const float> own, std::span<float> plain_values) {
  memory from(tensors_[parameter].get_desc(), setting_.engine, const_cast<float*>(own.data()));
  memory to(plain_desc(parameter), setting_.engine, plain_values.data());
  dnnl::reorder(from, to).execute(stream_, from, to);
  stream_.wait();
}
void OnednnNetwork::from_plain(size_t parameter, std::span<const float> plain_values, std::span<float> own) {
  std::fill(own.begin(), own.end(), 0.f);
  memory from(plain_desc(parameter), setting_.engine, const_cast<float*>(plain_values.data()));
  memory to(tensors_[parameter].get_desc(), setting_.engine, own.data());
  dnnl::reorder(from, to).execute(stream_, from, to);
  stream_.wait();
}

void OnednnNetwork::build() {
  shapes_ = layer_shapes(architecture_);
  values_.resize(architecture_.layers.size() + 1);
  for (const Layer& layer : architecture_.layers) {
    ++values_[layer.input].readers;
    if (layer.kind == LayerKind::add) ++values_[layer.other].readers;
  }
  records_ = owned(plain(dims_of_value(0), memory::data_type::f32));
  values_[0].data = {records_, nullptr};
  if (activation_ != memory::data_type::f32)
    values_[0].data = in_layout(forward_, values_[0].data, plain(dims_of_value(0), activation_));

  for (size_t i = 0; i < architecture_.layers.size(); ++i) add_layer(i);

  const memory::dims dims = {dim(batch_), dim(architecture_.classes)};
  const MemoryDesc desc = plain(dims, memory::data_type::f32);
  logits_ = owned(desc);
  add_reorder(forward_, values_.back().data.data, logits_);

  if (trains()) {
    logit_gradient_ = owned(desc);
    values_.back().gradient = Room{logit_gradient_, nullptr};
    values_.back().is_shared = true;
    for (size_t i = architecture_.layers.size(); i-- > 0;) {
      if (backward_makers_[i]) backward_makers_[i]();
      backward_makers_[i] = nullptr;
      values_[i + 1].gradient.reset();
    }
  }
  place_scratchpad();
}

/// One scratchpad serves all steps, for they run one after another.
void OnednnNetwork::place_scratchpad() {
  if (scratchpad_bytes_ == 0) return;
  scratchpad_ = owned(described({dim(scratchpad_bytes_)}, memory::data_type::u8, memory::format_tag::a));
  for (std::vector<Step>* steps : {&forward_, &backward_}) {
    for (Step& step : *steps) {
      const auto found = step.arguments.find(DNNL_ARG_SCRATCHPAD);
      if (found != step.arguments.end()) found->second.set_data_handle(scratchpad_.get_data_handle());
    }
  }
}

}  // namespace onednn

std::unique_ptr<Network> make_network(const Architecture& architecture, size_t batch, Precision precision,
                                      Purpose purpose) {
  const std::string why = why_unsupported(precision);
  if (!why.empty()) fail(Category::unsupported, "{}", why);
  try {
    return std::make_unique<onednn::OnednnNetwork>(architecture, batch, precision, purpose);
  } catch (const dnnl::error& error) {
    fail(Category::internal, "{}: oneDNN cannot make this network: {}", architecture.name, error.what());
  }
}

namespace {

std::string instruction_set() {
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  for (const auto& [known, text] : {std::pair{dnnl::cpu_isa::sse41, "SSE4.1"},
                                    {dnnl::cpu_isa::avx, "AVX"},
                                    {dnnl::cpu_isa::avx2, "AVX2"},
                                    {dnnl::cpu_isa::avx512_core, "AVX512_CORE"},
                                    {dnnl::cpu_isa::avx512_core_vnni, "AVX512_CORE_VNNI"},
                                    {dnnl::cpu_isa::avx512_core_bf16, "AVX512_CORE_BF16"},
                                    {dnnl::cpu_isa::avx512_core_amx, "AVX512_CORE_AMX"}})
    if (static_cast<unsigned>(known) == isa) return text;
  return fmt::format("instruction set {:#x}", isa);
}

}  // namespace

std::string engine_name() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("oneDNN {}.{}.{} {}, Highway {}", version->major, version->minor, version->patch,
                     instruction_set(), vector_target());
}

std::string why_unsupported(Precision precision) {
  if (precision == Precision::float32) return "";
  const unsigned isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const unsigned needed = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  if ((isa & needed) == needed) return "";
  return fmt::format(
      "--precision bf16 takes AVX512_BF16 instructions; oneDNN may use {} here, by this CPU or by DNNL_MAX_CPU_ISA, "
      "and emulating them is slower than float32; use --precision float32",
      instruction_set());
}

}  // namespace miaudit
