/* XMPP address: see xmpp_address.h. */
#include "xmpp_address.h"

#include "include/TIMCloudDef.h"
#include "path.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME "xmpp://"

void tm_xmpp_address_clear(tm_xmpp_address *address)
{
    tm_free(address->domain);
    tm_free(address->host);
    tm_free(address->ca_file);
    memset(address, 0, sizeof *address);
}

static int hex(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    int lower = tolower((unsigned char)digit);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* A percent-encoded part. Owned by the caller. */
static char *decode(const char *text, size_t length, tm_error *err)
{
    char *plain = tm_malloc(length + 1), *to = plain;
    if (!plain) {
        tm_fail_memory(err);
        return NULL;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '%') {
            *to++ = text[i];
            continue;
        }
        int high = i + 2 < length ? hex(text[i + 1]) : -1, low = high >= 0 ? hex(text[i + 2]) : -1;
        if (i + 2 >= length || low < 0 || !(high * 16 + low)) {
            tm_fail(err, TIM_ERR_PARAM, "a %% without two hexadecimal digits behind it");
            tm_free(plain);
            return NULL;
        }
        *to++ = (char)(high * 16 + low);
        i += 2;
    }
    *to = '\0';
    return plain;
}

/* "HOST", "HOST:PORT", "[IPV6]:PORT". */
static int32_t read_host(const char *text, char **host, uint16_t *port, tm_error *err)
{
    size_t length = *text == '[' ? strcspn(text, "]") : strcspn(text, ":");
    const char *rest = text + length;
    bool bracket = *text == '[';
    if (bracket && *rest == ']') rest++;
    if (length == (bracket ? 1u : 0u) || (bracket && rest == text + length))
        return tm_fail(err, TIM_ERR_PARAM, "\"%s\" is no host", text);
    if (*rest) {
        char *end;
        long number = *rest == ':' && isdigit((unsigned char)rest[1]) ? strtol(rest + 1, &end, 10) : 0;
        if (number < 1 || number > 65535 || *end)
            return tm_fail(err, TIM_ERR_PARAM, "\"%s\": expected a port from 1 to 65535", text);
        *port = (uint16_t)number;
    }
    *host = bracket ? tm_strndup(text + 1, length - 1) : tm_strndup(text, length);
    return *host ? 0 : tm_fail_memory(err);
}

static int32_t read_fingerprint(const char *text, char out[TM_FINGERPRINT], tm_error *err)
{
    size_t length = 0;
    for (; *text; text++) {
        if (*text == ':') continue;
        if (hex(*text) < 0 || length == TM_FINGERPRINT - 1) break;
        out[length++] = (char)tolower((unsigned char)*text);
    }
    out[length] = '\0';
    if (!*text && length == TM_FINGERPRINT - 1) return 0;
    return tm_fail(err, TIM_ERR_PARAM, "fingerprint: expected the 64 hexadecimal digits of a SHA-256");
}

static int32_t read_option(const char *key, size_t length, const char *value, tm_xmpp_address *out,
                           bool *tls_said, tm_error *err)
{
    uint16_t port = 0;
#define IS(name) (length == sizeof name - 1 && strncmp(key, name, length) == 0)
    bool twice = (IS("address") && out->host) || (IS("ca") && out->ca_file) ||
                 (IS("fingerprint") && *out->fingerprint) || (IS("tls") && *tls_said);
    if (twice) return tm_fail(err, TIM_ERR_PARAM, "%.*s comes twice", (int)length, key);
    if (IS("address")) {
        int32_t code = read_host(value, &out->host, &port, err);
        if (port) out->port = port;
        return code;
    }
    if (IS("ca")) {
        if (!*value) return tm_fail(err, TIM_ERR_PARAM, "ca: expected a file");
        out->ca_file = tm_strdup(value);
        return out->ca_file ? 0 : tm_fail_memory(err);
    }
    if (IS("fingerprint")) return read_fingerprint(value, out->fingerprint, err);
    if (IS("tls")) {
        *tls_said = true;
        out->no_tls = strcmp(value, "none") == 0;
        if (out->no_tls || strcmp(value, "required") == 0) return 0;
        return tm_fail(err, TIM_ERR_PARAM, "tls: expected \"required\" or \"none\"");
    }
#undef IS
    return tm_fail(err, TIM_ERR_PARAM, "\"%.*s\" is none of address, ca, fingerprint, tls", (int)length, key);
}

static int32_t read_options(const char *text, tm_xmpp_address *out, tm_error *err)
{
    bool tls_said = false;
    while (*text) {
        size_t length = strcspn(text, "&"), key = strcspn(text, "=&");
        if (text[key] != '=')
            return tm_fail(err, TIM_ERR_PARAM, "\"%.*s\": expected key=value", (int)length, text);
        char *value = decode(text + key + 1, length - key - 1, err);
        int32_t code = value ? read_option(text, key, value, out, &tls_said, err) : err->code;
        tm_free(value);
        if (code) return code;
        text += length;
        if (*text) text++;
    }
    if (out->no_tls && (out->ca_file || *out->fingerprint))
        return tm_fail(err, TIM_ERR_PARAM, "tls=none leaves nothing for ca or fingerprint to prove");
    return 0;
}

int32_t tm_xmpp_address_parse(const char *text, tm_xmpp_address *out, tm_error *err)
{
    memset(out, 0, sizeof *out);
    if (strncmp(text, SCHEME, sizeof SCHEME - 1) != 0)
        return tm_fail(err, TIM_ERR_PARAM, "\"%s\": expected " SCHEME "DOMAIN", text);
    text += sizeof SCHEME - 1;
    size_t length = strcspn(text, "?");
    char *domain = tm_strndup(text, length);
    if (!domain) return tm_fail_memory(err);
    int32_t code = strpbrk(domain, "/@ ") ? tm_fail(err, TIM_ERR_PARAM, "\"%s\" is no domain", domain)
                                          : read_host(domain, &out->domain, &out->port, err);
    tm_free(domain);
    /* servers write their names small, and what they write is compared with it */
    for (char *at = code ? NULL : out->domain; at && *at; at++)
        if (*at >= 'A' && *at <= 'Z') *at = (char)(*at | 0x20);
    if (!code && text[length]) code = read_options(text + length + 1, out, err);
    if (code) tm_xmpp_address_clear(out);
    return code;
}

/* Owned by the caller; NULL when memory is short. */
static char *encode(const char *plain)
{
    static const char digits[] = "0123456789abcdef";
    char *text = tm_malloc(strlen(plain) * 3 + 1), *to = text;
    for (; text && *plain; plain++) {
        unsigned char byte = (unsigned char)*plain;
        if (byte > ' ' && byte < 0x7f && byte != '%' && byte != '&') {
            *to++ = (char)byte;
        } else {
            *to++ = '%';
            *to++ = digits[byte >> 4];
            *to++ = digits[byte & 15];
        }
    }
    if (text) *to = '\0';
    return text;
}

char *tm_xmpp_address_absolute(const char *text, tm_error *err)
{
    tm_xmpp_address address;
    if (tm_xmpp_address_parse(text, &address, err)) return NULL;
    const char *option = address.ca_file ? strchr(text, '?') : NULL;
    while (option && strncmp(option + 1, "ca=", 3) != 0)
        option = strchr(option + 1, '&');
    char *path = option ? tm_path_absolute(address.ca_file, err) : NULL, *ca = path ? encode(path) : NULL;
    char *whole = NULL;
    if (!option) {
        whole = tm_strdup(text);
    } else if (ca) {
        const char *value = option + 4;
        whole = tm_format("%.*s%s%s", (int)(value - text), text, ca, value + strcspn(value, "&"));
    }
    if (!whole && (!option || path)) tm_fail_memory(err);
    tm_free(path);
    tm_free(ca);
    tm_xmpp_address_clear(&address);
    return whole;
}
