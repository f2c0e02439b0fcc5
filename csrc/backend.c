/* Backend: picks one by its address. See backend.h. */
#include "backend.h"

#include "hub.h"
#include "include/TIMCloudDef.h"
#include "path.h"
#ifndef TM_WITHOUT_XMPP
#include "xmpp.h"
#include "xmpp_address.h"
#endif

#include <string.h>

int32_t tm_backend_check(const char *address, tm_error *err)
{
    if (strncmp(address, "hub:", 4) == 0 && address[4]) return 0;
    if (strncmp(address, "xmpp:", 5) != 0)
        return tm_fail(err, TIM_ERR_PARAM, "%s: \"%s\" is neither \"hub:DIRECTORY\" nor \"xmpp://DOMAIN\"",
                       kTIMSdkConfigServer, address);
#ifdef TM_WITHOUT_XMPP
    return tm_fail(err, TIM_ERR_PARAM, "%s: this library was built without XMPP", kTIMSdkConfigServer);
#else
    int32_t code = tm_xmpp_check(address, err);
    if (code) tm_error_prefix(err, "sdk_config_server: ");
    return code;
#endif
}

char *tm_backend_absolute(const char *address, tm_error *err)
{
    if (strncmp(address, "hub:", 4) == 0) {
        char *path = tm_path_absolute(address + 4, err), *whole = path ? tm_format("hub:%s", path) : NULL;
        if (path && !whole) tm_fail_memory(err);
        tm_free(path);
        return whole;
    }
#ifdef TM_WITHOUT_XMPP
    return NULL;
#else
    return tm_xmpp_address_absolute(address, err);
#endif
}

tm_backend *tm_backend_open(const char *address, const tm_backend_host *host, tm_error *err)
{
    if (tm_backend_check(address, err)) return NULL;
    if (strncmp(address, "hub:", 4) == 0) return tm_hub_open(address + 4, host, err);
#ifdef TM_WITHOUT_XMPP
    return NULL;
#else
    return tm_xmpp_open(address, host, err);
#endif
}
