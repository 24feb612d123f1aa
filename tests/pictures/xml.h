// As much of XML as a picture is written in: tags that are closed, attributes in quotes, five
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

  /// Those of its descendants, in the order of the file, for which `wanted` holds.
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

/// Throws Error, with the place, where the text is not well-formed.
XmlElement parse_xml(const std::string& text);

}  // namespace shard
