// The subset of XML in which pictures are written: closed tags, attributes in quotes, five
// entities.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace shard {

struct XmlElement {
  std::string name, text;  // the text directly in it
  std::map<std::string, std::string> attributes;
  std::vector<XmlElement> children;

  /// Its descendants for which `wanted` holds, in the order of the file.
  template <class Wanted>
  std::vector<const XmlElement*> all(const Wanted& wanted) const {
    std::vector<const XmlElement*> found;
    for (const XmlElement& child : children) {
      if (wanted(child)) found.push_back(&child);
      for (const XmlElement* inner : child.all(wanted)) found.push_back(inner);
    }
    return found;
  }
  std::string attribute(const std::string& name_of_it) const {
    const auto found = attributes.find(name_of_it);
    return found == attributes.end() ? "" : found->second;
  }
};

/// Throws Error, with the position, if the text is not well-formed.
XmlElement parse_xml(const std::string& text);

}  // namespace shard
