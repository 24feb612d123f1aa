// What the tests of several exercises need besides the examiner.
#pragma once
#include <iterator>
#include <vector>

#include "common/base/formulas.h"
#include "exercises/todo.h"
#include "tests/exercises/examiner.h"

namespace shard {

inline Matrix rows_of(const Matrix& matrix, Range range) {
  Matrix rows(range.size(), matrix.columns);
  for (int64_t row = range.begin; row < range.end; ++row) {
    for (int64_t column = 0; column < matrix.columns; ++column)
      rows(row - range.begin, column) = matrix(row, column);
  }
  return rows;
}

inline Matrix columns_of(const Matrix& matrix, Range range) {
  Matrix columns(matrix.rows, range.size());
  for (int64_t row = 0; row < matrix.rows; ++row) {
    for (int64_t column = range.begin; column < range.end; ++column) {
      columns(row, column - range.begin) = matrix(row, column);
    }
  }
  return columns;
}

/// The numbers in `ranges`, one range after the other.
inline std::vector<int64_t> numbers_in(const std::vector<Range>& ranges) {
  std::vector<int64_t> numbers;
  for (const Range& range : ranges) {
    for (int64_t number = range.begin; number < range.end; ++number) numbers.push_back(number);
  }
  return numbers;
}

/// The columns of these numbers, in this order.
inline Matrix columns_of(const Matrix& matrix, const std::vector<int64_t>& numbers) {
  Matrix columns(matrix.rows, std::ssize(numbers));
  for (int64_t row = 0; row < matrix.rows; ++row) {
    for (int64_t i = 0; i < columns.columns; ++i)
      columns(row, i) = matrix(row, numbers[static_cast<size_t>(i)]);
  }
  return columns;
}

/// [a b]: b's columns after a's.
inline Matrix side_by_side(const Matrix& a, const Matrix& b) {
  Matrix both(a.rows, a.columns + b.columns);
  for (int64_t row = 0; row < a.rows; ++row) {
    for (int64_t column = 0; column < both.columns; ++column) {
      both(row, column) = column < a.columns ? a(row, column) : b(row, column - a.columns);
    }
  }
  return both;
}

/// a ∘ b, element by element.
inline Matrix product_of_elements(Matrix a, const Matrix& b) {
  for (size_t i = 0; i < a.values.size(); ++i) a.values[i] *= b.values[i];
  return a;
}

inline Matrix gelu_derivative(Matrix x) {
  for (double& value : x.values) value = gelu_derivative(value);
  return x;
}

inline Matrix scaled(Matrix matrix, double factor) {
  for (double& value : matrix.values) value *= factor;
  return matrix;
}

/// Σ over rows: [1 × columns].
inline Matrix column_sums(const Matrix& matrix) {
  Matrix ones(1, matrix.rows);
  for (double& one : ones.values) one = 1;
  return matmul(ones, matrix);
}

inline std::vector<Suspect> operator+(std::vector<Suspect> first, std::vector<Suspect> second) {
  first.insert(first.end(), std::make_move_iterator(second.begin()),
               std::make_move_iterator(second.end()));
  return first;
}

/// A refusal that the task asks for.
struct Refusal {
  std::string of;                    // "5 heads on 2 ranks"
  std::string type;                  // "UsageError, which require_usage() throws"
  std::string accepted;              // the diagnosis where nothing is thrown
  std::vector<std::string> numbers;  // that its message must name
};

/// What is wrong with the refusal that `call` should throw as an E; "" if nothing is.
template <class E, class Call>
std::string wrong_refusal(const Call& call, const Refusal& asked) {
  try {
    call();
  } catch (const NotWritten&) {
    throw;
  } catch (const E& refusal) {
    const std::string message = refusal.what();
    for (const std::string& number : asked.numbers) {
      if (message.find(number) == std::string::npos)
        return text("you refuse ", asked.of, " without naming ", number, ": ", message);
    }
    return "";
  } catch (const std::exception& other) {
    return text("you refuse ", asked.of, ", as you must, but by another type of exception than ",
                asked.type, ": ", other.what());
  }
  return asked.accepted;
}

/// What `call` returns; where a message was longer or shorter than its receiver expected,
/// `explanation` is added.
template <class Call>
Tensor with_explanation(const Call& call, const std::string& explanation) {
  try {
    return call();
  } catch (const Error& error) {
    const std::string message = error.what();
    if (!message.starts_with("send_receive: rank ")) throw;
    throw Error(message + ": " + explanation);
  }
}

}  // namespace shard
