#include "common/cuda/lt_products.h"

#include <algorithm>
#include <bit>

namespace shard {
namespace {

template <auto destroy>
struct Destroy {
  template <class Handle>
  void operator()(Handle* handle) const {
    destroy(handle);
  }
};
template <class Opaque, auto destroy>
using Owned = std::unique_ptr<Opaque, Destroy<destroy>>;

using Description = Owned<cublasLtMatmulDescOpaque_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayoutOpaque_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreferenceOpaque_t, cublasLtMatmulPreferenceDestroy>;

template <class Value>
void set(const Description& of, cublasLtMatmulDescAttributes_t attribute, Value value) {
  check_cublas(cublasLtMatmulDescSetAttribute(of.get(), attribute, &value, sizeof(value)),
               "cublasLtMatmulDescSetAttribute");
}

template <class Value>
void set(const Preference& of, cublasLtMatmulPreferenceAttributes_t attribute, Value value) {
  check_cublas(cublasLtMatmulPreferenceSetAttribute(of.get(), attribute, &value, sizeof(value)),
               "cublasLtMatmulPreferenceSetAttribute");
}

Layout layout_of(const LtMatrix& x) {
  cublasLtMatrixLayout_t layout = nullptr;
  check_cublas(cublasLtMatrixLayoutCreate(&layout, x.type, static_cast<uint64_t>(x.rows),
                                          static_cast<uint64_t>(x.columns), x.leading),
               "cublasLtMatrixLayoutCreate");
  return Layout(layout);
}

cublasLtEpilogue_t epilogue_of(const LtProduct& product) {
  switch (product.end.epilogue) {
    case LtEpilogue::none: break;
    case LtEpilogue::bias: return CUBLASLT_EPILOGUE_BIAS;
    case LtEpilogue::gelu: return CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
    case LtEpilogue::gelu_backward: return CUBLASLT_EPILOGUE_DGELU_BGRAD;
    case LtEpilogue::sums_of_a: return CUBLASLT_EPILOGUE_BGRADA;
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}

/// An algorithm may be chosen by their alignment.
void set_pointers(const Description& description, const LtProduct& product) {
  if (product.end.vector != nullptr)
    set(description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, product.end.vector);
  if (product.end.matrix != nullptr)
    set(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, product.end.matrix);
}

Description description_of(const LtProduct& product) {
  const auto compute = product.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  cublasLtMatmulDesc_t made = nullptr;
  check_cublas(cublasLtMatmulDescCreate(&made, compute, CUDA_R_32F), "cublasLtMatmulDescCreate");
  Description description(made);
  const auto operation = [](bool transposed) { return transposed ? CUBLAS_OP_T : CUBLAS_OP_N; };
  set(description, CUBLASLT_MATMUL_DESC_TRANSA, operation(product.a_transposed));
  set(description, CUBLASLT_MATMUL_DESC_TRANSB, operation(product.b_transposed));
  set(description, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(product));
  if (product.end.vector != nullptr)
    set(description, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, product.d.type);
  if (product.end.matrix != nullptr) {
    set(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE, product.d.type);
    set(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, product.d.leading);
  }
  set_pointers(description, product);
  return description;
}

/// The largest power of two that divides the address, up to 256; that for null.
uint32_t alignment_of(const void* address) {
  return 1u << std::min(8, std::countr_zero(reinterpret_cast<uintptr_t>(address)));
}

bool is_wide(const LtMatrix& x) {
  const int64_t element = x.type == CUDA_R_32F ? 4 : 2;
  return alignment_of(x.address) >= 16 && x.leading * element % 16 == 0;
}

}  // namespace

/// All that a product of one shape needs, but the addresses.
struct LtProducts::Plan {
  Description description;
  Layout a, b, d;
  cublasLtMatmulAlgo_t algorithm;
  bool exists = false;  // whether there is an algorithm
};

LtProducts::LtProducts(cudaStream_t stream) : stream_(stream) {
  check_cublas(cublasLtCreate(&handle_), "cublasLtCreate");
  check_cuda(cudaMallocAsync(&workspace_, workspace_bytes, stream_), "cudaMallocAsync");
}

LtProducts::~LtProducts() {
  cudaFreeAsync(workspace_, stream_);
  cublasLtDestroy(handle_);
}

LtProducts::Key LtProducts::key_of(const LtProduct& p) {
  return {p.a.type,
          p.a.rows,
          p.a.columns,
          p.a.leading,
          alignment_of(p.a.address),
          p.b.type,
          p.b.rows,
          p.b.columns,
          p.b.leading,
          alignment_of(p.b.address),
          p.d.type,
          p.d.rows,
          p.d.columns,
          p.d.leading,
          alignment_of(p.d.address),
          p.a_transposed,
          p.b_transposed,
          p.tf32,
          static_cast<int64_t>(p.end.epilogue),
          alignment_of(p.end.vector),
          alignment_of(p.end.matrix)};
}

LtProducts::Plan& LtProducts::plan_of(const LtProduct& product) {
  const auto [entry, is_new] = plans_.try_emplace(key_of(product));
  Plan& plan = entry->second;
  if (!is_new) return plan;
  plan.description = description_of(product);
  plan.a = layout_of(product.a);
  plan.b = layout_of(product.b);
  plan.d = layout_of(product.d);
  cublasLtMatmulPreference_t made = nullptr;
  check_cublas(cublasLtMatmulPreferenceCreate(&made), "cublasLtMatmulPreferenceCreate");
  const Preference preference(made);
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{workspace_bytes});
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(product.a.address));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(product.b.address));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(product.d.address));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(product.d.address));
  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  const cublasStatus_t result =
      cublasLtMatmulAlgoGetHeuristic(handle_, plan.description.get(), plan.a.get(), plan.b.get(),
                                     plan.d.get(), plan.d.get(), preference.get(), 1, &best,
                                     &found);
  if (result != CUBLAS_STATUS_NOT_SUPPORTED) check_cublas(result, "cublasLtMatmulAlgoGetHeuristic");
  plan.exists = found > 0;
  plan.algorithm = best.algo;
  return plan;
}

bool LtProducts::multiply(const LtProduct& product) {
  const auto& [a, b, d, ta, tb, beta, tf32, end] = product;
  if (!is_wide(a) || !is_wide(b) || !is_wide(d) || alignment_of(end.vector) < 16 ||
      alignment_of(end.matrix) < 16)
    return false;
  Plan& plan = plan_of(product);
  if (!plan.exists) return false;
  set_pointers(plan.description, product);
  const float one = 1.0f;
  check_cublas(cublasLtMatmul(handle_, plan.description.get(), &one, a.address, plan.a.get(),
                              b.address, plan.b.get(), &beta, d.address, plan.d.get(),
                              const_cast<void*>(d.address), plan.d.get(), &plan.algorithm,
                              workspace_, workspace_bytes, stream_),
               "cublasLtMatmul");
  return true;
}

}  // namespace shard
