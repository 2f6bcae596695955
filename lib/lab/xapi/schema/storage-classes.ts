/** name | type | qualifier (RO runtime, CO constructor, RW) | since | default; facts of the published data model. */
export const STORAGE_CLASSES = `
class SR all records named record
uuid|string|RO|rio
name_label|string|CO|rio|""
name_description|string|CO|rio|""
allowed_operations|enum storage_operations set|RO|rio|{}
current_operations|(string -> enum storage_operations) map|RO|rio|{}
VDIs|VDI ref set|RO|rio
PBDs|PBD ref set|RO|rio
virtual_allocation|int|RO|rio
physical_utilisation|int|RO|rio
physical_size|int|CO|rio
type|string|CO|rio
content_type|string|CO|rio
shared|bool|RO|rio
other_config|(string -> string) map|RW|rio
tags|string set|RW|orlando|{}
sm_config|(string -> string) map|RW|miami|{}
blobs|(string -> blob ref) map|RO|orlando|{}
local_cache_enabled|bool|RO|cowley|false
introduced_by|DR_task ref|RO|boston|OpaqueRef:NULL
clustered|bool|RO|dundee|false
is_tools_sr|bool|RO|dundee|false
class SM all records named record
uuid|string|RO|rio
name_label|string|RO|rio|""
name_description|string|RO|rio|""
type|string|RO|rio
vendor|string|RO|rio
copyright|string|RO|rio
version|string|RO|rio
required_api_version|string|RO|rio
configuration|(string -> string) map|RO|rio
capabilities|string set|RO|miami Deprecated|{}
features|(string -> int) map|RO|clearwater|{}
other_config|(string -> string) map|RW|miami|{}
driver_filename|string|RO|orlando|""
required_cluster_stack|string set|RO|dundee|{}
supported_image_formats|enum image_format_type set|RO|26.15.0 Prototyped|{}
class PBD all records record
uuid|string|RO|rio
host|host ref|CO|rio
SR|SR ref|CO|rio
device_config|(string -> string) map|CO|rio
currently_attached|bool|RO|rio
other_config|(string -> string) map|RW|miami|{}
class VDI all records named record
uuid|string|RO|rio
name_label|string|CO|rio|""
name_description|string|CO|rio|""
allowed_operations|enum vdi_operations set|RO|rio|{}
current_operations|(string -> enum vdi_operations) map|RO|rio|{}
SR|SR ref|CO|rio
VBDs|VBD ref set|RO|rio
crash_dumps|crashdump ref set|RO|rio
virtual_size|int|CO|rio
physical_utilisation|int|RO|rio
type|enum vdi_type|CO|rio
sharable|bool|CO|rio
read_only|bool|CO|rio
other_config|(string -> string) map|RW|rio
storage_lock|bool|RO|rio
location|string|RO|miami|""
managed|bool|RO|rio
missing|bool|RO|rio
parent|VDI ref|RO|rio Deprecated
xenstore_data|(string -> string) map|RW|miami|{}
sm_config|(string -> string) map|RW|miami|{}
is_a_snapshot|bool|RO|orlando|false
snapshot_of|VDI ref|RO|orlando
snapshots|VDI ref set|RO|orlando
snapshot_time|datetime|RO|orlando|19700101T00:00:00Z
tags|string set|RW|orlando|{}
allow_caching|bool|RO|cowley|false
on_boot|enum on_boot|RO|cowley|persist
metadata_of_pool|pool ref|RO|boston|OpaqueRef:NULL
metadata_latest|bool|RO|boston|false
is_tools_iso|bool|RO|dundee|false
cbt_enabled|bool|RO|inverness|false
class VBD all records record
uuid|string|RO|rio
allowed_operations|enum vbd_operations set|RO|rio|{}
current_operations|(string -> enum vbd_operations) map|RO|rio|{}
VM|VM ref|CO|rio
VDI|VDI ref|CO|rio
device|string|CO|rio|""
userdevice|string|RW|rio
bootable|bool|RW|rio
mode|enum vbd_mode|CO|rio
type|enum vbd_type|RW|rio
unpluggable|bool|RW|miami|true
storage_lock|bool|RO|rio
empty|bool|CO|rio
other_config|(string -> string) map|RW|rio
currently_attached|bool|CO|rio|false
status_code|int|RO|rio
status_detail|string|RO|rio
runtime_properties|(string -> string) map|RO|rio
qos_algorithm_type|string|RW|rio
qos_algorithm_params|(string -> string) map|RW|rio
qos_supported_algorithms|string set|RO|rio
metrics|VBD_metrics ref|RO|rio Removed|OpaqueRef:NULL
class VBD_metrics all records record
uuid|string|RO|rio
io_read_kbs|float|RO|rio Removed|0.
io_write_kbs|float|RO|rio Removed|0.
last_updated|datetime|RO|rio Removed|19700101T00:00:00Z
other_config|(string -> string) map|RW|orlando Removed|{}
`
