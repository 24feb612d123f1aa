#include "chapters/12_generation/cached_sampling.h"

#include <algorithm>

#include "chapters/12_generation/key_value_cache.h"
#include "common/base/clock.h"

namespace shard::chapter_12 {
namespace {

/// On the CPU, rows of up to 32 tokens are multiplied in the same way, bit by bit, however many
/// they are (common/cpu/product.h), so that a text does not depend on its neighbours.
constexpr size_t texts_at_once = 32;

/// Where a text is written: with one of the caches.
struct Place {
  Text* text = nullptr;  // none: it is free
  int64_t known = 0;     // tokens of the text that the model has seen, or never will
  int64_t drawn = 0;
};

/// The tokens for which a cache needs room.
int64_t room_for(const std::vector<Text>& texts, int64_t count, int64_t context) {
  int64_t longest = 0;
  for (const Text& text : texts) longest = std::max<int64_t>(longest, std::ssize(text.tokens));
  return std::min(context, longest + count);
}

size_t places_for(const std::vector<Text>& texts) { return std::min(texts.size(), texts_at_once); }

class Writer {
 public:
  Writer(const Gpt& model, Communicator& tp, size_t places, int64_t room, int64_t count,
         const SamplingSettings& settings)
      : tp_(tp),
        context_(model.sizes().context),
        drawn_from_(settings.tokens > 0 ? settings.tokens : model.sizes().vocabulary),
        count_(count),
        settings_(settings),
        cached_(model, places, room),
        places_(places) {}

  WritingTimes write(std::vector<Text>& texts);

 private:
  std::span<const int32_t> next_tokens(size_t place);
  void pass(const std::vector<size_t>& places);
  void draw_at(size_t place, std::span<const float> logits);

  Communicator& tp_;
  int64_t context_, drawn_from_, count_;
  SamplingSettings settings_;
  CachedGpt cached_;
  std::vector<Place> places_;
  WritingTimes times_;
};

/// What the model has not seen yet of the text at a place.
std::span<const int32_t> Writer::next_tokens(size_t place) {
  auto& [text, known, drawn] = places_[place];
  const std::span<const int32_t> all(text->tokens);
  if (cached_.seen(place) == context_) {
    cached_.forget(place);
    known = std::ssize(all) - std::max<int64_t>(1, context_ / 2);
  }
  return all.subspan(static_cast<size_t>(known));
}

void Writer::draw_at(size_t place, std::span<const float> logits) {
  auto& [text, known, drawn] = places_[place];
  known = std::ssize(text->tokens);
  const float u = text->random.uniform(static_cast<uint64_t>(drawn++));
  text->tokens.push_back(draw(logits, settings_.temperature, u));
  if (drawn == count_ || std::ranges::count(settings_.end_of_text, text->tokens.back()) > 0) {
    cached_.forget(place);
    text = nullptr;
  }
}

//! [12-batch]
/// Draws the next token of the texts at these places.
void Writer::pass(const std::vector<size_t>& places) {
  const double start = now();
  std::vector<CachedGpt::NextTokens> parts;
  for (const size_t place : places) parts.push_back({place, next_tokens(place)});
  const bool one_each = parts[0].tokens.size() == 1;
  (one_each ? times_.tokens : times_.prompt_tokens) +=
      one_each ? std::ssize(parts) : std::ssize(parts[0].tokens);
  const Tensor mine = cached_.next_logits(parts);  // [texts × ⌈vocabulary/t⌉]
  // [t × texts × ⌈vocabulary/t⌉]
  const std::vector<float> all = tp_.all_gather(mine.reshape({mine.elements()})).to_host();
  std::vector<float> logits;
  for (size_t i = 0; i < places.size(); ++i) {
    logits.clear();
    for (int rank = 0; rank < tp_.size(); ++rank) {
      const auto first =
          all.begin() + (rank * mine.rows() + static_cast<int64_t>(i)) * mine.columns();
      logits.insert(logits.end(), first, first + mine.columns());
    }
    if (one_each) times_.kept_tokens += cached_.seen(places[i]);
    draw_at(places[i], std::span(logits).first(static_cast<size_t>(drawn_from_)));
  }
  times_.passes += one_each ? 1 : 0;
  (one_each ? times_.seconds : times_.prompt_seconds) += now() - start;
}

/// Texts with one new token share a pass. A prompt, or what is left when the context is full, takes
/// one alone: its products are large.
WritingTimes Writer::write(std::vector<Text>& texts) {
  size_t begun = 0, active = 0;
  do {
    std::vector<size_t> with_one_token;
    active = 0;
    for (size_t place = 0; place < places_.size(); ++place) {
      if (places_[place].text == nullptr && begun < texts.size()) {
        Text& text = texts[begun++];
        places_[place] = {&text, std::max<int64_t>(0, std::ssize(text.tokens) - context_), 0};
      }
      if (places_[place].text == nullptr) continue;
      ++active;
      if (next_tokens(place).size() == 1) {
        with_one_token.push_back(place);
      } else {
        pass({place});
      }
    }
    if (!with_one_token.empty()) pass(with_one_token);
  } while (active > 0);
  return times_;
}
//! [12-batch]

}  // namespace

WritingTimes write_texts(const Gpt& model, Communicator& tp, std::vector<Text>& texts,
                         int64_t count, const SamplingSettings& settings) {
  for (const Text& text : texts)
    require(!text.tokens.empty(), "a text needs a first token to go on from");
  if (count == 0) return {};
  const size_t places = places_for(texts);
  const int64_t room = room_for(texts, count, model.sizes().context);
  return Writer(model, tp, places, room, count, settings).write(texts);
}

double cache_bytes(const GptSizes& sizes, const std::vector<Text>& texts, int64_t count) {
  const int64_t tokens =
      static_cast<int64_t>(places_for(texts)) * room_for(texts, count, sizes.context);
  return 2.0 * size_of(DataType::f32) * static_cast<double>(sizes.layers * sizes.width * tokens);
}

std::vector<int32_t> sample_with_cache(const Gpt& model, Communicator& tp,
                                       std::vector<int32_t> prompt, int64_t count,
                                       RandomStream random, const SamplingSettings& settings) {
  std::vector<Text> texts{{std::move(prompt), random}};
  write_texts(model, tp, texts, count, settings);
  return std::move(texts[0].tokens);
}

}  // namespace shard::chapter_12
