#include "exercises/01_gemm/2_column_major.h"

#include <cmath>

#include "tests/exercises/support.h"

namespace shard {
namespace {

constexpr int64_t m = 6, n = 11, k = 9;
constexpr size_t room = 4096;  // floats after each pointer: a call with wrong sizes stays inside

struct LibraryCall {
  Op op_a, op_b;
  int64_t m, n, k;
  const float* a;
  int64_t lda;
  const float* b;
  int64_t ldb;
  float* c;
  int64_t ldc;
};
std::vector<LibraryCall> calls;
std::string refusal;  // of the last call

Op other(Op op) { return op == Op::none ? Op::transpose : Op::none; }

/// Why the library does not take such a call, or nothing.
std::string refused(const LibraryCall& call) {
  const int64_t rows_of_a = call.op_a == Op::none ? call.m : call.k,
                rows_of_b = call.op_b == Op::none ? call.k : call.n;
  const auto too_small = [](const char* name, int64_t ld, const char* matrix, int64_t rows) {
    return text(name, " = ", ld, " is less than the ", rows, " rows that its ", matrix, " has");
  };
  if (call.lda < rows_of_a) return too_small("lda", call.lda, "first factor", rows_of_a);
  if (call.ldb < rows_of_b) return too_small("ldb", call.ldb, "second factor", rows_of_b);
  if (call.ldc < call.m) return too_small("ldc", call.ldc, "result", call.m);
  for (int64_t size : {call.m, call.n, call.k}) {
    if (size < 0 || size > 20)
      return text("there is no size ", size, ": m = ", m, ", n = ", n, ", k = ", k);
  }
  for (int64_t ld : {call.lda, call.ldb, call.ldc}) {
    if (ld > 200) return text("a leading dimension of ", ld, " reaches beyond the matrix");
  }
  return "";
}

std::string name_of(Op op_a, Op op_b) {
  return text("C = ", op_a == Op::none ? "A" : "Aᵀ", "·", op_b == Op::none ? "B" : "Bᵀ");
}

struct Product {
  Op op_a, op_b;
  const float *a, *b;  // as the learner's function gets them
  float* c;

  std::string name() const { return name_of(op_a, op_b); }
  int64_t row_of_a() const { return op_a == Op::none ? k : m; }
  int64_t row_of_b() const { return op_b == Op::none ? n : k; }
};

std::string wrong_ops(const Product& p, const LibraryCall& call) {
  if (call.op_a == p.op_b && call.op_b == p.op_a) return "";
  if (call.op_a == p.op_a && call.op_b == p.op_b) {
    return "B is your first factor, as it must be, but it has A's op, and A has B's: each matrix "
           "keeps its own op";
  }
  if (call.op_a == other(p.op_b) && call.op_b == other(p.op_a)) {
    return "both ops are inverted. What the library sees is transposed, and so is what it "
           "computes: the two cancel out, and each matrix keeps its op";
  }
  return text("the ops are not passed on: the call has ",
              call.op_a == Op::none ? "none" : "transpose", " for B and ",
              call.op_b == Op::none ? "none" : "transpose", " for A");
}

/// The mistake in a call that did not give the right C.
std::string diagnosis(const Product& p, const LibraryCall& call) {
  if (call.a == p.a && call.b == p.b) {
    const bool turned = call.op_a == other(p.op_a) && call.op_b == other(p.op_b);
    if (turned && call.m == m && call.n == n && call.lda == p.row_of_a() &&
        call.ldb == p.row_of_b()) {
      return "the library reads A and B correctly, by transposing each, but it writes C column by "
             "column. Exchange the factors instead: then it writes Cᵀ by columns, which is C by "
             "rows";
    }
    return "A is your first factor. What the library writes is Cᵀ, and (op(A)·op(B))ᵀ = "
           "op(B)ᵀ·op(A)ᵀ: B must come first";
  }
  if (std::string found = wrong_ops(p, call); !found.empty()) return found;
  if (call.m == m && call.n == n && call.k == k) {
    return text("your call has the sizes m, n, k of C, but the library's result is Cᵀ [", n, " × ",
                m, "]: its m is your n, and its n your m");
  }
  if (call.m != n || call.n != m || call.k != k) {
    return text("your call has the sizes ", call.m, ", ", call.n, ", ", call.k, " instead of ", n,
                ", ", m, ", ", k, ": Cᵀ is [n × m], a sum over k");
  }
  const auto leading = [](const std::string& matrix, int64_t got, int64_t wanted) {
    return text("the leading dimension of ", matrix, " is ", got, ", but a stored row of it has ",
                wanted, " elements, which the library sees as a column");
  };
  if (call.lda != p.row_of_b()) return leading("B", call.lda, p.row_of_b());
  if (call.ldb != p.row_of_a()) return leading("A", call.ldb, p.row_of_a());
  return leading("C", call.ldc, n);
}

void examine_product(Examiner& examiner, Op op_a, Op op_b) {
  const bool plain_a = op_a == Op::none, plain_b = op_b == Op::none;
  const Matrix a = plain_a ? examiner.random(m, k, "a") : examiner.random(k, m, "a transposed");
  const Matrix b = plain_b ? examiner.random(k, n, "b") : examiner.random(n, k, "b transposed");
  std::vector<float> a_memory = a.floats(), b_memory = b.floats(), c_memory(room, NAN);
  a_memory.resize(room, NAN);
  b_memory.resize(room, NAN);

  const Product p{op_a, op_b, a_memory.data(), b_memory.data(), c_memory.data()};
  calls.clear();
  refusal.clear();
  row_major_gemm(op_a, op_b, m, n, k, p.a, p.b, p.c);

  if (calls.size() != 1) {
    return examiner.expect(p.name(), false,
                           text(p.name(), ": ", calls.size(),
                                " calls of column_major_gemm where one is enough"));
  }
  const LibraryCall& call = calls.front();
  const bool no_copies =
      (call.a == p.a || call.a == p.b) && (call.b == p.a || call.b == p.b) && call.c == p.c;
  examiner.expect(
      p.name() + " without a copy", no_copies,
      p.name() +
          ": the library works on memory other than that of A, B and C: no copies are needed");
  const Matrix expected = matmul(plain_a ? a : transpose(a), plain_b ? b : transpose(b));
  c_memory.resize(m * n);
  const Tensor c = Tensor::from(examiner.backend(), {m, n}, std::span<const float>(c_memory));
  const bool right = reference::relative_error(c, expected) < 1e-5;  // false for NaN
  if (!right && no_copies) {
    const std::string refused_too =
        refusal.empty() ? "" : " (the library refused it: " + refusal + ")";
    return examiner.expect(p.name(), false, text(p.name(), ": ", diagnosis(p, call), refused_too));
  }
  examiner.expect(p.name(), c, expected);
}

}  // namespace

// The library: records each call, then executes it.
void column_major_gemm(Op op_a, Op op_b, int64_t rows, int64_t columns, int64_t depth,
                       const float* a, int64_t lda, const float* b, int64_t ldb, float* c,
                       int64_t ldc) {
  calls.push_back({op_a, op_b, rows, columns, depth, a, lda, b, ldb, c, ldc});
  refusal = refused(calls.back());
  if (!refusal.empty()) return;
  for (int64_t j = 0; j < columns; ++j) {
    for (int64_t i = 0; i < rows; ++i) {
      float sum = 0;
      for (int64_t p = 0; p < depth; ++p) {
        sum += a[op_a == Op::none ? i + p * lda : p + i * lda] *
               b[op_b == Op::none ? p + j * ldb : j + p * ldb];
      }
      c[i + j * ldc] = sum;
    }
  }
}

void examine(Examiner& examiner) {
  for (Op op_a : {Op::none, Op::transpose}) {
    for (Op op_b : {Op::none, Op::transpose}) {
      examiner.attempt(name_of(op_a, op_b), [&] { examine_product(examiner, op_a, op_b); });
      if (!examiner.verdict()) return;
    }
  }
}

}  // namespace shard
