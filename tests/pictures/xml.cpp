#include "tests/pictures/xml.h"

#include <cctype>

#include "common/base/error.h"

namespace shard {
namespace {

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  XmlElement document() {
    skip_space();
    XmlElement root = element();
    skip_space();
    expect(at_ == text_.size(), "something after the last tag");
    return root;
  }

 private:
  void expect(bool holds, const std::string& otherwise) const {
    require(holds, "not well-formed at character ", at_, ": ", otherwise);
  }
  bool comes(const std::string& what) const { return text_.compare(at_, what.size(), what) == 0; }
  void take(const std::string& what) {
    expect(comes(what), what + " was expected");
    at_ += what.size();
  }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  std::string name() {
    const size_t begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '-'))
      ++at_;
    expect(at_ > begin, "a name was expected");
    return text_.substr(begin, at_ - begin);
  }

  /// Up to `end`, with the entities replaced.
  std::string characters(char end) {
    std::string out;
    while (true) {
      expect(at_ < text_.size(), "the file ends too early");
      const char c = text_[at_];
      if (c == end) return out;
      expect(c != '<' && (c == '\n' || static_cast<unsigned char>(c) >= 0x20),
             "a character that must be escaped");
      if (c != '&') {
        out += c;
        ++at_;
        continue;
      }
      static const std::map<std::string, char> entities{
          {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
      const std::string entity = text_.substr(at_, text_.find(';', at_) - at_ + 1);
      const auto found = entities.find(entity);
      expect(found != entities.end(), "& without an entity");
      out += found->second;
      at_ += entity.size();
    }
  }

  XmlElement element() {
    take("<");
    XmlElement element{name(), "", {}, {}};
    for (skip_space(); !comes(">") && !comes("/>"); skip_space()) {
      const std::string attribute = name();
      take("=\"");
      expect(!element.attributes.contains(attribute), attribute + " twice");
      element.attributes[attribute] = characters('"');
      take("\"");
    }
    if (comes("/>")) {
      take("/>");
      return element;
    }
    take(">");
    while (!comes("</")) {
      if (comes("<")) {
        element.children.push_back(this->element());
      } else {
        element.text += characters('<');
      }
    }
    take("</" + element.name + ">");
    return element;
  }

  const std::string& text_;
  size_t at_ = 0;
};

}  // namespace

XmlElement parse_xml(const std::string& text) { return Parser(text).document(); }

}  // namespace shard
