/** name | type | qualifier (RO runtime, CO constructor, RW) | since | default; facts of the published data model. */
export const POOL_CLASSES = `
class pool all records record
uuid|string|RO|rio
name_label|string|RW|rio
name_description|string|RW|rio
master|host ref|RO|rio
default_SR|SR ref|RW|rio
suspend_image_SR|SR ref|RW|rio
crash_dump_SR|SR ref|RW|rio
other_config|(string -> string) map|RW|rio
ha_enabled|bool|RO|orlando|false
ha_configuration|(string -> string) map|RO|orlando|{}
ha_statefiles|string set|RO|orlando|{}
ha_host_failures_to_tolerate|int|RO|orlando|0
ha_plan_exists_for|int|RO|orlando|0
ha_allow_overcommit|bool|RW|orlando|false
ha_overcommitted|bool|RO|orlando|false
blobs|(string -> blob ref) map|RO|orlando|{}
tags|string set|RW|orlando|{}
gui_config|(string -> string) map|RW|orlando|{}
health_check_config|(string -> string) map|RW|dundee|{}
wlb_url|string|RO|george|""
wlb_username|string|RO|george|""
wlb_enabled|bool|RW|george|false
wlb_verify_cert|bool|RW|george Deprecated|false
redo_log_enabled|bool|RO|midnight-ride|false
redo_log_vdi|VDI ref|RO|midnight-ride|OpaqueRef:NULL
vswitch_controller|string|RO|midnight-ride Deprecated|""
restrictions|(string -> string) map|RO|midnight-ride|{}
metadata_VDIs|VDI ref set|RO|boston
ha_cluster_stack|string|RO|dundee|""
allowed_operations|enum pool_allowed_operations set|RO|rio|{}
current_operations|(string -> enum pool_allowed_operations) map|RO|rio|{}
guest_agent_config|(string -> string) map|RO|dundee|{}
cpu_info|(string -> string) map|RO|dundee|{}
policy_no_vendor_device|bool|RW|dundee Deprecated|false
live_patching_disabled|bool|RW|ely|false
igmp_snooping_enabled|bool|RO|inverness|false
uefi_certificates|string|CO|quebec|""
custom_uefi_certificates|string|CO|24.0.0 Prototyped|""
is_psr_pending|bool|RW|stockholm_psr|false
tls_verification_enabled|bool|RO|1.290.0|false
repositories|Repository ref set|RO|1.301.0|{}
client_certificate_auth_enabled|bool|RO|1.318.0|false
client_certificate_auth_name|string|RO|1.318.0|""
repository_proxy_url|string|RO|21.3.0|""
repository_proxy_username|string|RO|21.3.0|""
repository_proxy_password|secret ref|RO|21.3.0|OpaqueRef:NULL
migration_compression|bool|RW|22.33.0 Prototyped|false
coordinator_bias|bool|RW|22.37.0|true
local_auth_max_threads|int|CO|23.27.0 Prototyped|8
ext_auth_max_threads|int|CO|23.27.0 Prototyped|1
ext_auth_cache_enabled|bool|RO|24.31.0 Prototyped|true
ext_auth_cache_size|int|RO|24.31.0 Prototyped|50
ext_auth_cache_expiry|int|RO|24.31.0 Prototyped|300
telemetry_uuid|secret ref|RO|23.9.0 Prototyped|OpaqueRef:NULL
telemetry_frequency|enum telemetry_frequency|RO|23.9.0 Prototyped|weekly
telemetry_next_collection|datetime|RO|23.9.0 Prototyped|19700101T00:00:00Z
last_update_sync|datetime|RO|23.18.0 Prototyped|19700101T00:00:00Z
update_sync_frequency|enum update_sync_frequency|RO|23.18.0 Prototyped|weekly
update_sync_day|int|RO|23.18.0 Prototyped|0
update_sync_enabled|bool|RO|23.18.0 Prototyped|false
recommendations|(string -> string) map|RO|24.19.1 Prototyped|{}
license_server|(string -> string) map|RW|25.6.0 Prototyped|{}
ha_reboot_vm_on_internal_shutdown|bool|RW|25.16.0 Prototyped|true
limit_console_sessions|bool|RW|26.1.0 Prototyped|false
vm_console_idle_timeout|int|RW|26.1.0 Prototyped|0
auto_update_vm_secureboot_certificates|bool|RW|26.16.1 Prototyped|false
class role all records named record
uuid|string|RO|rio
name_label|string|CO|midnight-ride|""
name_description|string|CO|midnight-ride|""
subroles|role ref set|CO|midnight-ride|{}
is_internal|bool|RO|22.5.0|false
class subject all records record
uuid|string|RO|rio
subject_identifier|string|CO|george|""
other_config|(string -> string) map|CO|george|{}
roles|role ref set|RO|midnight-ride|{}
class session record
uuid|string|RO|rio
this_host|host ref|RO|rio
this_user|user ref|RO|rio
last_active|datetime|RO|rio
pool|bool|RO|rio
other_config|(string -> string) map|RW|miami|{}
is_local_superuser|bool|RO|george|false
subject|subject ref|RO|george|OpaqueRef:NULL
validation_time|datetime|RO|george|19700101T00:00:00Z
auth_user_sid|string|RO|george|""
auth_user_name|string|RO|midnight-ride|""
rbac_permissions|string set|CO|midnight-ride|{}
tasks|task ref set|RO|midnight-ride
parent|session ref|CO|midnight-ride|OpaqueRef:NULL
originator|string|RO|clearwater|""
client_certificate|bool|RO|21.2.0|false
class task all records named record
uuid|string|RO|rio
name_label|string|RO|rio|""
name_description|string|RO|rio|""
allowed_operations|enum task_allowed_operations set|RO|rio|{}
current_operations|(string -> enum task_allowed_operations) map|RO|rio|{}
created|datetime|RO|rio
finished|datetime|RO|rio
status|enum task_status_type|RO|rio
resident_on|host ref|RO|rio
progress|float|RO|rio
type|string|RO|rio
result|string|RO|rio
error_info|string set|RO|rio
other_config|(string -> string) map|RO|miami|{}
subtask_of|task ref|RO|orlando
subtasks|task ref set|RO|orlando
backtrace|string|RO|dundee|"()"
class event 
snapshot|<class> record|RO|boston
id|int|CO|rio
timestamp|datetime|CO|rio Deprecated
class|string|CO|rio
operation|enum event_operation|CO|rio
ref|string|CO|rio
obj_uuid|string|CO|rio Deprecated
class message all records record
uuid|string|RO|rio
name|string|RO|rio
priority|int|RO|rio
cls|enum cls|RO|orlando
obj_uuid|string|RO|rio
timestamp|datetime|RO|rio
body|string|RO|rio
class secret all records record
uuid|string|RO|rio
value|string|RW|rio
other_config|(string -> string) map|RW|rio|{}
class blob all records named record
uuid|string|RO|rio
name_label|string|RW|rio|""
name_description|string|RW|rio|""
size|int|RO|rio
public|bool|RW|tampa|false
last_updated|datetime|CO|rio
mime_type|string|CO|rio
class user all records record
uuid|string|RO|rio
short_name|string|CO|rio
fullname|string|RW|rio
other_config|(string -> string) map|RW|orlando|{}
`
