// The tables of a backend's or mapping's own clocks and of a mapping's own price. Private to catalog/, like
// field.hpp.
#pragma once

#include "catalog/field.hpp"

namespace headworks::catalog {

Fields<Clocks> clock_fields();
Fields<Price> mapping_price_fields();

}  // namespace headworks::catalog
