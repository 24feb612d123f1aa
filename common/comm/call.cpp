#include "common/comm/call.h"

#include <algorithm>

#include "common/base/counted.h"
#include "common/base/error.h"

namespace shard {

Label::Label(std::string_view words) {
  size_t length = std::min(words.size(), sizeof words_ - 1);
  const auto within_a_character = [&] {  // the next byte continues a character of UTF-8
    return length < words.size() && (static_cast<unsigned char>(words[length]) & 0xC0) == 0x80;
  };
  while (length > 0 && within_a_character()) --length;
  std::copy_n(words.data(), length, words_);
}

bool is_message(Collective op) { return op == Collective::send || op == Collective::receive; }

static std::string number_and_label(const Call& call) {
  const std::string words = call.label.words();
  return text(" (#", call.number, words.empty() ? "" : ", ", words, ")");
}

static std::string partner_of(const Call& call) {
  if (!is_message(call.op)) return "";
  return text(call.op == Collective::send ? " to rank " : " from rank ", call.partner);
}

std::string to_string(const Call& call) {
  const bool no_tensor = call.op == Collective::barrier || call.op >= Collective::gather_text;
  if (no_tensor) return to_string(call.op) + number_and_label(call);
  return text(call.op, " of ", call.count, " ", call.type, partner_of(call),
              number_and_label(call));
}

std::string waiting_in(const Call& call, std::string_view group) {
  if (!is_message(call.op)) return text("is waiting in ", call, " on ", group);
  return text("is waiting to ", call.op, " ", call.count, " ", call.type, partner_of(call),
              number_and_label(call), " on ", group);
}

void require_fit(Collective op, int from, int64_t sent, int to, int64_t expected) {
  require(sent <= expected, op, ": rank ", from, " sent more than the ",
          counted(expected, "element"), " that rank ", to, " expects");
  require(sent == expected, op, ": rank ", from, " sent ", sent, " of the ",
          counted(expected, "element"), " that rank ", to, " expects");
}

}  // namespace shard
