// libyaml for Swift: splits a YAML text into events.
#ifndef SWIFT_SIF_CYAML_SHIM_H
#define SWIFT_SIF_CYAML_SHIM_H

#include <yaml.h>

#endif
