/** name | type | qualifier (RO runtime, CO constructor, RW) | since | default; facts of the published data model. */
export const HOST_CLASSES = `
class host all records named record
uuid|string|RO|rio
name_label|string|RW|rio|""
name_description|string|RW|rio|""
memory_overhead|int|RO|rio|0
allowed_operations|enum host_allowed_operations set|RO|rio|{}
current_operations|(string -> enum host_allowed_operations) map|RO|rio|{}
API_version_major|int|RO|rio
API_version_minor|int|RO|rio
API_version_vendor|string|RO|rio
API_version_vendor_implementation|(string -> string) map|RO|rio
enabled|bool|RO|rio
software_version|(string -> string) map|CO|rio
other_config|(string -> string) map|RW|rio
capabilities|string set|CO|rio
cpu_configuration|(string -> string) map|RO|rio
sched_policy|string|RO|rio
supported_bootloaders|string set|RO|rio
resident_VMs|VM ref set|RO|rio
logging|(string -> string) map|RW|rio
PIFs|PIF ref set|RO|rio
suspend_image_sr|SR ref|RW|rio
crash_dump_sr|SR ref|RW|rio
crashdumps|host_crashdump ref set|RO|rio
patches|host_patch ref set|RO|rio Deprecated
updates|pool_update ref set|RO|ely
PBDs|PBD ref set|RO|rio
host_CPUs|host_cpu ref set|RO|rio
cpu_info|(string -> string) map|RO|midnight-ride|{}
hostname|string|RW|rio
address|string|RW|rio
metrics|host_metrics ref|RO|rio
license_params|(string -> string) map|RO|rio
ha_statefiles|string set|RO|orlando|{}
ha_network_peers|string set|RO|orlando|{}
blobs|(string -> blob ref) map|RO|orlando|{}
tags|string set|RW|orlando|{}
external_auth_type|string|RO|george|""
external_auth_service_name|string|RO|george|""
external_auth_configuration|(string -> string) map|RO|george|{}
edition|string|RO|midnight-ride|""
license_server|(string -> string) map|RW|midnight-ride|{"address" -> "localhost", "port" -> "27000"}
bios_strings|(string -> string) map|RO|midnight-ride|{}
power_on_mode|string|RO|midnight-ride|""
power_on_config|(string -> string) map|RO|midnight-ride|{}
local_cache_sr|SR ref|CO|cowley|OpaqueRef:NULL
chipset_info|(string -> string) map|RO|boston|{}
PCIs|PCI ref set|RO|boston
PGPUs|PGPU ref set|RO|boston
PUSBs|PUSB ref set|RO|inverness
ssl_legacy|bool|CO|dundee Deprecated|true
guest_VCPUs_params|(string -> string) map|RW|tampa|{}
display|enum host_display|RW|cream|enabled
virtual_hardware_platform_versions|int set|RO|cream|{0}
control_domain|VM ref|RO|ely|OpaqueRef:NULL
updates_requiring_reboot|pool_update ref set|RO|ely
features|Feature ref set|RO|falcon
iscsi_iqn|string|CO|kolkata|""
multipathing|bool|CO|kolkata|false
uefi_certificates|string|CO|quebec Deprecated|""
certificates|Certificate ref set|RO|stockholm
editions|string set|RO|stockholm|{}
pending_guidances|enum update_guidances set|RO|1.303.0|{}
tls_verification_enabled|bool|RO|1.313.0|false
last_software_update|datetime|RO|22.20.0 Prototyped|19700101T00:00:00Z
https_only|bool|RO|22.27.0 Prototyped|false
latest_synced_updates_applied|enum latest_synced_updates_applied_state|RO|23.18.0 Prototyped|unknown
numa_affinity_policy|enum host_numa_affinity_policy|RO|24.0.0 Prototyped|default_policy
pending_guidances_recommended|enum update_guidances set|RO|24.10.0 Prototyped|{}
pending_guidances_full|enum update_guidances set|RO|24.10.0 Prototyped|{}
last_update_hash|string|RO|24.10.0 Prototyped|""
ssh_enabled|bool|RO|25.21.0 Prototyped|true
ssh_enabled_timeout|int|RO|25.21.0 Prototyped|0
ssh_expiry|datetime|RO|25.21.0 Prototyped|19700101T00:00:00Z
console_idle_timeout|int|RO|25.21.0 Prototyped|0
ssh_auto_mode|bool|RO|25.27.0 Prototyped|false
max_cstate|string|RO|26.0.0 Prototyped|""
secure_boot|bool|RO|25.31.0 Prototyped|false
ntp_mode|enum host_ntp_mode|RO|26.0.0 Prototyped|Factory
ntp_custom_servers|string set|RO|26.0.0 Prototyped|{}
timezone|string|RO|26.0.0 Prototyped|"UTC"
class host_metrics all records record
uuid|string|RO|rio
memory_total|int|RO|rio
memory_free|int|RO|rio Removed|0
live|bool|RO|rio
last_updated|datetime|RO|rio
other_config|(string -> string) map|RW|orlando|{}
class host_cpu all records record
uuid|string|RO|rio
host|host ref|RO|rio
number|int|RO|rio
vendor|string|RO|rio
speed|int|RO|rio
modelname|string|RO|rio
family|int|RO|rio
model|int|RO|rio
stepping|string|RO|rio
flags|string|RO|rio
features|string|RO|rio
utilisation|float|RO|rio
other_config|(string -> string) map|RW|orlando|{}
class PCI all records record
uuid|string|RO|boston
class_id|string|CO|boston|""
class_name|string|CO|boston|""
vendor_id|string|CO|boston|""
vendor_name|string|CO|boston|""
device_id|string|CO|boston|""
device_name|string|CO|boston|""
host|host ref|CO|boston|OpaqueRef:NULL
pci_id|string|CO|boston|""
dependencies|PCI ref set|RO|boston
other_config|(string -> string) map|RW|boston|{}
subsystem_vendor_id|string|CO|clearwater-whetstone|""
subsystem_vendor_name|string|CO|clearwater-whetstone|""
subsystem_device_id|string|CO|clearwater-whetstone|""
subsystem_device_name|string|CO|clearwater-whetstone|""
driver_name|string|CO|kolkata|""
`
