/* XMPP JIDs: see xmpp_jid.h. */
#include "xmpp_jid.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Bytes that a localpart holds as they are. */
static bool is_plain(unsigned char byte)
{
    return byte > 0x20 && byte < 0x7f && !(byte >= 'A' && byte <= 'Z') && !strchr("\"&'/:<>@\\", byte);
}

char *tm_jid_of(const char *id, const char *domain)
{
    size_t length = strlen(id), domain_length = strlen(domain);
    char *jid = tm_malloc(3 * length + domain_length + 2), *to = jid;
    if (!jid) return NULL;
    for (const char *from = id; *from; from++) {
        unsigned char byte = (unsigned char)*from;
        if (is_plain(byte))
            *to++ = *from;
        else
            to += sprintf(to, "\\%02x", byte);
    }
    *to++ = '@';
    memcpy(to, domain, domain_length + 1);
    return jid;
}

static int digit(char hex)
{
    if (hex >= '0' && hex <= '9') return hex - '0';
    return hex >= 'a' && hex <= 'f' ? hex - 'a' + 10 : -1;
}

bool tm_jid_id(const char *jid, const char *domain, size_t max, char *id)
{
    size_t bare = tm_jid_bare_length(jid), local = strcspn(jid, "@/"), length = 0;
    if (jid[local] != '@' || local == 0) return false;
    size_t domain_length = bare - local - 1;
    if (domain_length != strlen(domain) || strncasecmp(jid + local + 1, domain, domain_length) != 0)
        return false;
    for (size_t i = 0; i < local; i++) {
        unsigned char byte = (unsigned char)jid[i];
        if (byte == '\\') {
            int high = i + 2 < local + 1 ? digit(jid[i + 1]) : -1;
            int low = high >= 0 && i + 2 < local ? digit(jid[i + 2]) : -1;
            if (high < 0 || low < 0) return false;
            byte = (unsigned char)(high * 16 + low);
            i += 2;
            /* one id has one localpart: what needs no escape has none */
            if (is_plain(byte) || byte < 0x20 || byte > 0x7e) return false;
        } else if (!is_plain(byte)) {
            return false;
        }
        if (length == max) return false;
        id[length++] = (char)byte;
    }
    id[length] = '\0';
    return true;
}

size_t tm_jid_bare_length(const char *jid)
{
    return strcspn(jid, "/");
}

bool tm_jid_same_bare(const char *jid, const char *other)
{
    if (!jid || !other) return false;
    size_t length = tm_jid_bare_length(jid);
    return length && length == tm_jid_bare_length(other) && strncasecmp(jid, other, length) == 0;
}

const char *tm_jid_resource(const char *jid)
{
    const char *slash = strchr(jid, '/');
    return slash ? slash + 1 : "";
}
