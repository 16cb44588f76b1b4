// toml++ without the unnecessary parts: no exceptions (errors are values here), no formatters (they would add
// iostreams and their start-up), and shallow nesting, because the library frees a tree by recursion.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_UNRELEASED_FEATURES 0
#define TOML_MAX_NESTED_VALUES 16

// The library asserts things that it considers impossible, but some texts make them happen, such as "[" before the
// end of a line. Such a text is not TOML, but it must not end the process, and must not be ignored as with NDEBUG.
#undef NDEBUG
namespace {
struct impossible {};
}  // namespace
#define TOML_ASSERT(expression) ((expression) ? static_cast<void>(0) : throw impossible{})
#include <toml++/toml.h>

#include "ctoml.h"

namespace {

struct sink {
  ctoml_receiver receiver;
  void *context;

  void send(ctoml_kind kind, const toml::source_region &place, std::string_view text = {}, int64_t integer = 0,
            double number = 0) const {
    ctoml_event event{kind, text.data(), text.size(), integer, number, place.begin.line, place.begin.column};
    receiver(context, &event);
  }

  void walk(const toml::node &node) const {
    const auto &place = node.source();
    switch (node.type()) {
    case toml::node_type::table:
      send(ctoml_table, place);
      for (auto &&[key, value] : *node.as_table()) {
        send(ctoml_key, key.source(), key.str());
        walk(value);
      }
      return send(ctoml_end, place);
    case toml::node_type::array:
      send(ctoml_array, place);
      for (auto &&element : *node.as_array()) walk(element);
      return send(ctoml_end, place);
    case toml::node_type::string: return send(ctoml_string, place, **node.as_string());
    case toml::node_type::integer: return send(ctoml_integer, place, {}, **node.as_integer());
    case toml::node_type::floating_point: return send(ctoml_float, place, {}, 0, **node.as_floating_point());
    case toml::node_type::boolean: return send(ctoml_boolean, place, {}, **node.as_boolean());
    default: return send(ctoml_date, place);
    }
  }
};

}  // namespace

extern "C" int ctoml_parse(const char *text, size_t length, ctoml_receiver receiver, void *context) {
  const sink to{receiver, context};
  try {
    const auto result = toml::parse(std::string_view(text, length));
    if (!result) {
      to.send(ctoml_string, result.error().source(), result.error().description());
      return -1;
    }
    to.walk(result.table());
    return 0;
  } catch (const impossible &) {
    to.send(ctoml_string, {}, "a name is missing, or something else is in its place");
    return -1;
  }
}
