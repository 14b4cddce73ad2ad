// The header lines that every answer of ours carries: ids, the backend that answered, the client key's own limits.
#pragma once

#include "gateway/exchange.hpp"
#include "wire/head_writer.hpp"

namespace headworks::gateway {

class Attempt;

// `attempt`: whose answer this is; null: ours.
void write_answer_head(Exchange& exchange, wire::HeadWriter& head, Attempt* attempt);

}  // namespace headworks::gateway
