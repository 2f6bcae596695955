/** name | type | qualifier (RO runtime, CO constructor, RW) | since | default; facts of the published data model. */
export const VM_CLASSES = `
class VM all records named record
uuid|string|RO|rio
allowed_operations|enum vm_operations set|RO|rio|{}
current_operations|(string -> enum vm_operations) map|RO|rio|{}
name_label|string|RW|rio|""
name_description|string|RW|rio|""
power_state|enum vm_power_state|CO|rio|Halted
user_version|int|RW|rio
is_a_template|bool|RW|rio
is_default_template|bool|RO|falcon|false
suspend_VDI|VDI ref|CO|rio|OpaqueRef:NULL
resident_on|host ref|RO|rio
scheduled_to_be_resident_on|host ref|RO|rio|OpaqueRef:NULL
affinity|host ref|RW|rio
memory_overhead|int|RO|rio|0
memory_target|int|CO|rio Deprecated|0
memory_static_max|int|CO|rio
memory_dynamic_max|int|CO|rio
memory_dynamic_min|int|CO|rio
memory_static_min|int|CO|rio
VCPUs_params|(string -> string) map|RW|rio
VCPUs_max|int|CO|rio
VCPUs_at_startup|int|CO|rio
actions_after_softreboot|enum on_softreboot_behavior|RW|23.1.0 Prototyped|soft_reboot
actions_after_shutdown|enum on_normal_exit|RW|rio
actions_after_reboot|enum on_normal_exit|RW|rio
actions_after_crash|enum on_crash_behaviour|CO|rio
consoles|console ref set|RO|rio
VIFs|VIF ref set|RO|rio
VBDs|VBD ref set|RO|rio
VUSBs|VUSB ref set|RO|rio
crash_dumps|crashdump ref set|RO|rio
VTPMs|VTPM ref set|RO|rio
PV_bootloader|string|RW|rio
PV_kernel|string|RW|rio
PV_ramdisk|string|RW|rio
PV_args|string|RW|rio
PV_bootloader_args|string|RW|rio
PV_legacy_args|string|RW|rio
HVM_boot_policy|string|CO|rio Deprecated
HVM_boot_params|(string -> string) map|RW|rio
HVM_shadow_multiplier|float|CO|miami|1.
platform|(string -> string) map|CO|rio
PCI_bus|string|RW|rio Deprecated
other_config|(string -> string) map|CO|rio
domid|int|RO|rio
domarch|string|RO|rio
last_boot_CPU_flags|(string -> string) map|CO|rio|{}
is_control_domain|bool|RO|rio
metrics|VM_metrics ref|RO|rio
guest_metrics|VM_guest_metrics ref|RO|rio
last_booted_record|string|CO|miami|""
recommendations|string|RW|rio
xenstore_data|(string -> string) map|RW|miami|{}
ha_always_run|bool|CO|orlando Deprecated|false
ha_restart_priority|string|CO|orlando|""
is_a_snapshot|bool|RO|orlando|false
snapshot_of|VM ref|RO|orlando
snapshots|VM ref set|RO|orlando
snapshot_time|datetime|RO|orlando|19700101T00:00:00Z
transportable_snapshot_id|string|RO|orlando|""
blobs|(string -> blob ref) map|RO|orlando|{}
tags|string set|RW|orlando|{}
blocked_operations|(enum vm_operations -> string) map|CO|orlando|{}
snapshot_info|(string -> string) map|RO|midnight-ride|{}
snapshot_metadata|string|RO|midnight-ride|""
parent|VM ref|RO|midnight-ride
children|VM ref set|RO|midnight-ride
bios_strings|(string -> string) map|RO|midnight-ride|{}
protection_policy|VMPP ref|CO|cowley Deprecated|OpaqueRef:NULL
is_snapshot_from_vmpp|bool|CO|cowley Removed|false
snapshot_schedule|VMSS ref|CO|falcon|OpaqueRef:NULL
is_vmss_snapshot|bool|CO|falcon|false
appliance|VM_appliance ref|CO|rio|OpaqueRef:NULL
start_delay|int|CO|boston|0
shutdown_delay|int|CO|boston|0
order|int|CO|boston|0
VGPUs|VGPU ref set|RO|boston
attached_PCIs|PCI ref set|RO|boston
suspend_SR|SR ref|RW|boston|OpaqueRef:NULL
version|int|CO|boston|0
generation_id|string|CO|clearwater|"0:0"
hardware_platform_version|int|RW|cream|0
has_vendor_device|bool|CO|dundee|true
requires_reboot|bool|RO|ely|false
reference_label|string|CO|ely|""
domain_type|enum domain_type|CO|jura|unspecified
NVRAM|(string -> string) map|CO|naples|{}
pending_guidances|enum update_guidances set|RO|1.303.0|{}
pending_guidances_recommended|enum update_guidances set|RO|24.10.0 Prototyped|{}
pending_guidances_full|enum update_guidances set|RO|24.10.0 Prototyped|{}
groups|VM_group ref set|RO|24.19.1 Prototyped
secureboot_certificates_state|enum vm_secureboot_certificates_state|RO|26.14.0 Prototyped|ok
class VM_metrics all records record
uuid|string|RO|rio
memory_actual|int|RO|rio
VCPUs_number|int|RO|rio
VCPUs_utilisation|(int -> float) map|RO|rio Removed|{}
VCPUs_CPU|(int -> int) map|RO|rio
VCPUs_params|(string -> string) map|RO|rio
VCPUs_flags|(int -> string set) map|RO|rio
state|string set|RO|rio
start_time|datetime|RO|rio
install_time|datetime|RO|rio
last_updated|datetime|RO|rio
other_config|(string -> string) map|RW|orlando|{}
hvm|bool|RO|ely|false
nested_virt|bool|RO|ely|false
nomigrate|bool|RO|ely|false
current_domain_type|enum domain_type|RO|jura|unspecified
numa_optimised|bool|CO|26.2.0 Prototyped|false
numa_nodes|int|CO|26.2.0 Prototyped|0
numa_node_memory|(int -> int) map|RO|26.2.0 Prototyped|{}
class VM_guest_metrics all records record
uuid|string|RO|rio
os_version|(string -> string) map|RO|rio
netbios_name|(string -> string) map|RO|24.28.0 Prototyped|{}
PV_drivers_version|(string -> string) map|RO|rio
PV_drivers_up_to_date|bool|RO|rio Deprecated
memory|(string -> string) map|RO|rio Removed|{}
disks|(string -> string) map|RO|rio Removed|{}
networks|(string -> string) map|RO|rio
other|(string -> string) map|RO|rio
last_updated|datetime|RO|rio
other_config|(string -> string) map|RW|orlando|{}
live|bool|RO|orlando|false
can_use_hotplug_vbd|enum tristate_type|RO|dundee|unspecified
can_use_hotplug_vif|enum tristate_type|RO|dundee|unspecified
PV_drivers_detected|bool|RO|dundee|false
services|(string -> string) map|RO|25.15.0 Prototyped|{}
class VM_appliance all records named record
uuid|string|RO|rio
name_label|string|RW|rio|""
name_description|string|RW|rio|""
allowed_operations|enum vm_appliance_operation set|RO|rio|{}
current_operations|(string -> enum vm_appliance_operation) map|RO|rio|{}
VMs|VM ref set|RO|rio
class VM_group all records named record
uuid|string|RO|rio
name_label|string|RW|rio|""
name_description|string|RW|rio|""
placement|enum placement_policy|CO|24.19.1 Prototyped|normal
VMs|VM ref set|RO|24.19.1 Prototyped
class VMSS all records named record
uuid|string|RO|rio
name_label|string|RW|rio|""
name_description|string|RW|rio|""
enabled|bool|RW|rio|true
type|enum vmss_type|CO|rio
retained_snapshots|int|CO|rio|7
frequency|enum vmss_frequency|CO|rio
schedule|(string -> string) map|CO|rio|{}
last_run_time|datetime|RO|rio|19700101T00:00:00Z
VMs|VM ref set|RO|rio
class console all records record
uuid|string|RO|rio
protocol|enum console_protocol|RO|rio
location|string|RO|rio
VM|VM ref|RO|rio
other_config|(string -> string) map|RW|rio
class VGPU all records record
uuid|string|RO|boston
VM|VM ref|RO|boston
GPU_group|GPU_group ref|RO|boston
device|string|RO|boston|"0"
currently_attached|bool|RO|boston|false
other_config|(string -> string) map|RW|boston|{}
type|VGPU_type ref|RO|vgpu-tech-preview|OpaqueRef:NULL
resident_on|PGPU ref|RO|vgpu-tech-preview|OpaqueRef:NULL
scheduled_to_be_resident_on|PGPU ref|RO|dundee|OpaqueRef:NULL
compatibility_metadata|(string -> string) map|RO|inverness|{}
extra_args|string|RW|quebec|""
PCI|PCI ref|RO|quebec|OpaqueRef:NULL
class VTPM all records record
uuid|string|RO|rio
allowed_operations|enum vtpm_operations set|RO|rio|{}
current_operations|(string -> enum vtpm_operations) map|RO|rio|{}
VM|VM ref|CO|rio
backend|VM ref|RO|rio|OpaqueRef:NULL
persistence_backend|enum persistence_backend|RO|22.26.0 Prototyped|xapi
is_unique|bool|CO|22.26.0 Prototyped|false
is_protected|bool|RO|22.26.0 Prototyped|false
class VUSB all records record
uuid|string|RO|inverness
allowed_operations|enum vusb_operations set|RO|rio|{}
current_operations|(string -> enum vusb_operations) map|RO|rio|{}
VM|VM ref|RO|inverness
USB_group|USB_group ref|RO|inverness
other_config|(string -> string) map|RW|inverness|{}
currently_attached|bool|RO|rio|false
class crashdump all records record
uuid|string|RO|rio
VM|VM ref|CO|rio
VDI|VDI ref|CO|rio
other_config|(string -> string) map|RW|miami|{}
`
