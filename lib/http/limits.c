#include "lib/http/limits.h"

const struct tn_http_limits tn_http_limits_default = {
    .request_line_bytes = 8 * 1024,
    .head_bytes = 32 * 1024,
    .field_count = TN_HTTP_FIELDS_MAX,
    .trailer_bytes = 8 * 1024,
    .chunk_extra_bytes = 4 * 1024,
};
