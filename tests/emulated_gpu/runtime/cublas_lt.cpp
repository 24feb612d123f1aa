// cuBLASLt on the emulated GPU. An algorithm is good only for the shape, types, alignments and
// epilogue that it was asked for, and fills its workspace with NaN.
#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "fault.h"
#include "leaks.h"
#include "memory.h"
#include "product.h"
#include "stream.h"

using namespace emulated_gpu;

struct cublasLtContext {};

struct cublasLtMatmulDescOpaque_t {
  cublasComputeType_t compute;
  cublasOperation_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
  int32_t bias_type = -1;  // that of D
  void* aux = nullptr;
  int64_t aux_leading = 0;
  int32_t aux_type = -1;  // that of D
};

struct cublasLtMatrixLayoutOpaque_t {
  cudaDataType_t type;
  uint64_t rows, columns;
  int64_t leading;
};

struct cublasLtMatmulPreferenceOpaque_t {
  uint64_t workspace_bytes = 0;
  std::array<uint32_t, 4> alignments = {256, 256, 256, 256};  // of A, B, C, D
};

namespace {

size_t live = 0;

template <class T, class... Values>
cublasStatus_t create(T** object, const Values&... values) {
  if (object == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  report_leaks_at_exit();
  *object = new T{values...};
  ++live;
  return CUBLAS_STATUS_SUCCESS;
}

template <class T>
cublasStatus_t destroy(T* object) {
  if (object == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  delete object;
  --live;
  return CUBLAS_STATUS_SUCCESS;
}

template <class T>
cublasStatus_t assign(T& to, const void* value, size_t bytes) {
  if (value == nullptr || bytes != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, value, sizeof(T));
  return CUBLAS_STATUS_SUCCESS;
}

int as_int(uint64_t size) { return static_cast<int>(size); }

struct Layouts {
  const cublasLtMatrixLayoutOpaque_t &a, &b, &c, &d;
};

Epilogue epilogue_of(const cublasLtMatmulDescOpaque_t& description) {
  switch (description.epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT: break;
    case CUBLASLT_EPILOGUE_BIAS: return Epilogue::bias;
    case CUBLASLT_EPILOGUE_GELU_AUX_BIAS: return Epilogue::gelu;
    case CUBLASLT_EPILOGUE_DGELU_BGRAD: return Epilogue::gelu_backward;
    case CUBLASLT_EPILOGUE_BGRADA: return Epilogue::sums_of_a;
  }
  return Epilogue::none;
}

bool has_aux(Epilogue epilogue) {
  return epilogue == Epilogue::gelu || epilogue == Epilogue::gelu_backward;
}

Product product_of(const cublasLtMatmulDescOpaque_t& description, const Layouts& of) {
  const bool ta = description.transpose_a == CUBLAS_OP_T,
             tb = description.transpose_b == CUBLAS_OP_T;
  const auto matrix = []<class Address>(const cublasLtMatrixLayoutOpaque_t& x, Address) {
    return Matrices<Address>{nullptr,
                             x.type,
                             as_int(x.rows),
                             as_int(x.columns),
                             as_int(static_cast<uint64_t>(x.leading)),
                             0};
  };
  const bool tf32 = of.a.type == CUDA_R_32F && description.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  Product product{ta,
                  tb,
                  as_int(of.d.rows),
                  as_int(of.d.columns),
                  as_int(ta ? of.a.rows : of.a.columns),
                  1,
                  0,
                  matrix(of.a, static_cast<const void*>(nullptr)),
                  matrix(of.b, static_cast<const void*>(nullptr)),
                  matrix(of.d, static_cast<void*>(nullptr)),
                  1,
                  tf32};
  product.epilogue = epilogue_of(description);
  if (product.epilogue != Epilogue::none) product.vector = description.bias;
  if (has_aux(product.epilogue)) {
    product.aux = matrix(of.d, static_cast<void*>(nullptr));
    product.aux.address = description.aux;
    product.aux.leading = static_cast<int>(description.aux_leading);
  }
  return product;
}

/// CUBLAS_STATUS_SUCCESS where the epilogue has all that it needs.
cublasStatus_t check_epilogue(const cublasLtMatmulDescOpaque_t& description, const Layouts& of) {
  const Epilogue epilogue = epilogue_of(description);
  if (epilogue == Epilogue::none)
    return description.epilogue == CUBLASLT_EPILOGUE_DEFAULT ? CUBLAS_STATUS_SUCCESS
                                                             : CUBLAS_STATUS_NOT_SUPPORTED;
  const auto fits = [&](int32_t type) { return type == -1 || type == of.d.type; };
  if (description.bias == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  if (!fits(description.bias_type)) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (!has_aux(epilogue)) return CUBLAS_STATUS_SUCCESS;
  if (description.aux == nullptr || description.aux_leading % 8 != 0 ||
      description.aux_leading < static_cast<int64_t>(of.d.rows))
    return CUBLAS_STATUS_INVALID_VALUE;
  const bool inner_is_one =
      (description.transpose_a == CUBLAS_OP_T ? of.a.rows : of.a.columns) == 1;
  if (!fits(description.aux_type) || (epilogue == Epilogue::gelu_backward && inner_is_one))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  return CUBLAS_STATUS_SUCCESS;
}

/// CUBLAS_STATUS_SUCCESS where the sizes and types belong together.
cublasStatus_t check(const cublasLtMatmulDescOpaque_t& description, const Layouts& of) {
  const Product p = product_of(description, of);
  const uint64_t m = p.transposed_a ? of.a.columns : of.a.rows,
                 inner = p.transposed_b ? of.b.columns : of.b.rows,
                 n = p.transposed_b ? of.b.rows : of.b.columns;
  if (of.d.rows != m || of.d.columns != n || as_int(inner) != p.k || of.c.rows != m ||
      of.c.columns != n || !has_valid_sizes(p)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (!has_valid_types(p) || of.c.type != of.d.type) return CUBLAS_STATUS_NOT_SUPPORTED;
  return check_epilogue(description, of);
}

uint32_t alignment_of(const void* address) {
  return 1u << std::min(8, std::countr_zero(reinterpret_cast<uintptr_t>(address)));
}

/// What an algorithm is for, as a number.
uint64_t fingerprint(const cublasLtMatmulDescOpaque_t& description, const Layouts& of) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a, over whole numbers
  const auto add = [&hash](auto value) {
    hash = (hash ^ static_cast<uint64_t>(value)) * 1099511628211u;
  };
  add(description.compute);
  add(description.transpose_a);
  add(description.transpose_b);
  add(description.epilogue);
  add(alignment_of(description.bias));
  add(alignment_of(description.aux));
  for (const auto* layout : {&of.a, &of.b, &of.c, &of.d}) {
    add(layout->type);
    add(layout->rows);
    add(layout->columns);
    add(layout->leading);
  }
  return hash;
}

/// An algorithm's data.
enum { of_what, workspace_needed, alignment_of_a };

}  // namespace

namespace emulated_gpu {
size_t live_cublas_lt_objects() { return live; }
}  // namespace emulated_gpu

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) { return create(handle); }
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) { return destroy(handle); }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description,
                                        cublasComputeType_t compute, cudaDataType_t scale) {
  if (scale != CUDA_R_32F) return CUBLAS_STATUS_INVALID_VALUE;
  return create(description, compute);
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
  return destroy(description);
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  if (description == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA: return assign(description->transpose_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB: return assign(description->transpose_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return assign(description->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return assign(description->bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: return assign(description->bias_type, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER: return assign(description->aux, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD:
      return assign(description->aux_leading, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE:
      return assign(description->aux_type, value, bytes);
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type,
                                          uint64_t rows, uint64_t columns, int64_t leading) {
  return create(layout, type, rows, columns, leading);
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return destroy(layout);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  return create(preference);
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return destroy(preference);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, size_t bytes) {
  if (preference == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
    return assign(preference->workspace_bytes, value, bytes);
  const int matrix = attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
  if (matrix < 0 || matrix > 3) return CUBLAS_STATUS_INVALID_VALUE;
  return assign(preference->alignments[static_cast<size_t>(matrix)], value, bytes);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle,
                                              cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t* results,
                                              int* found) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!description || !a || !b || !c || !d || !preference || !results || !found || wanted < 1)
    return CUBLAS_STATUS_INVALID_VALUE;
  *found = 0;
  const Layouts layouts{*a, *b, *c, *d};
  const cublasStatus_t status = check(*description, layouts);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  *found = 1;
  results[0] = {};
  results[0].workspaceSize = std::min<uint64_t>(preference->workspace_bytes, 4096);
  uint64_t(&data)[8] = results[0].algo.data;
  data[of_what] = fingerprint(*description, layouts);
  data[workspace_needed] = results[0].workspaceSize;
  std::ranges::copy(preference->alignments, data + alignment_of_a);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description,
                              const void* alpha, const void* a, cublasLtMatrixLayout_t a_layout,
                              const void* b, cublasLtMatrixLayout_t b_layout, const void* beta,
                              const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              size_t workspace_bytes, cudaStream_t stream_handle) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!description || !alpha || !beta || !a_layout || !b_layout || !c_layout || !d_layout)
    return CUBLAS_STATUS_INVALID_VALUE;
  // without an algorithm, it would look for one at every call, and C elsewhere than D is not used
  if (algorithm == nullptr || c != d) return CUBLAS_STATUS_NOT_SUPPORTED;
  const Layouts layouts{*a_layout, *b_layout, *c_layout, *d_layout};
  const cublasStatus_t status = check(*description, layouts);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  const uint64_t(&data)[8] = algorithm->data;
  const size_t needed = data[workspace_needed];
  const void* const addresses[] = {a, b, c, d};
  for (size_t i = 0; i < 4; ++i) {
    if (alignment_of(addresses[i]) < data[alignment_of_a + i]) return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (data[of_what] != fingerprint(*description, layouts) || workspace_bytes < needed)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (needed > 0 && alignment_of(workspace) < 256) return CUBLAS_STATUS_INVALID_VALUE;
  const Stream stream = find_stream(stream_handle);
  if (stream == nullptr) return CUBLAS_STATUS_EXECUTION_FAILED;
  Product product = product_of(*description, layouts);
  product.alpha = *static_cast<const float*>(alpha);
  product.beta = *static_cast<const float*>(beta);
  product.a.address = a;
  product.b.address = b;
  product.c.address = d;
  enqueue_work(stream, "cublasLtMatmul", [product, workspace, needed] {
    if (needed > 0 && !device_memory().holds(workspace, needed))
      fail(text("the ", needed, " bytes of the workspace are not within an allocation"));
    if (needed > 0) device_memory().admit(workspace);
    std::fill_n(static_cast<float*>(workspace), needed / sizeof(float),
                std::numeric_limits<float>::quiet_NaN());
    run(product);
  });
  return CUBLAS_STATUS_SUCCESS;
}
