/* features.c: THE list. Its order is the order inside a stage. One line a feature; each is one file with one table. */
#include "im/feature.h"

extern const struct feature feature_stream, feature_blocking, feature_message, feature_archive, feature_mam,
    feature_offline, feature_presence, feature_subscription, feature_roster, feature_iq, feature_disco, feature_ping,
    feature_version, feature_register, feature_upload, feature_carbons, feature_csi, feature_inbox, feature_prefs,
    feature_last, feature_private, feature_time, feature_vcard, feature_devices, feature_pep, feature_displayed,
    feature_export;

const struct feature *const features[] = {
    &feature_stream,   &feature_blocking, &feature_message,  &feature_displayed,
    &feature_archive,  &feature_mam,      &feature_offline,  &feature_subscription,
    &feature_presence, &feature_roster,   &feature_iq,       &feature_disco,
    &feature_ping,     &feature_version,  &feature_register, &feature_upload,
    &feature_carbons,  &feature_csi,      &feature_inbox,    &feature_prefs,
    &feature_last,     &feature_private,  &feature_time,     &feature_vcard,
    &feature_devices,  &feature_pep,      &feature_export,   NULL,
};
