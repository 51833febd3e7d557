#include "lib/http/parser.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    unsigned status;
    const char *text;
} errors[] = {{200, "no error"},
#define ROW(name, status, text) {status, text},
              TN_HTTP_ERROR_MAP(ROW)
#undef ROW
};

unsigned tn_http_error_status(enum tn_http_error error)
{
    return (size_t)error < COUNT(errors) ? errors[error].status : 500;
}

const char *tn_http_error_text(enum tn_http_error error)
{
    return (size_t)error < COUNT(errors) ? errors[error].text : "unknown error";
}
