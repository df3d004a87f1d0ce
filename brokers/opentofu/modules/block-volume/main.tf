# A volume at an OpenStack cloud. The account's secretEnvironment says where and as whom: OS_AUTH_URL,
# OS_APPLICATION_CREDENTIAL_ID and OS_APPLICATION_CREDENTIAL_SECRET, of a user with the role `member`.
terraform {
  required_providers {
    openstack = {
      source  = "terraform-provider-openstack/openstack"
      version = "~> 3.0"
    }
  }
}

variable "size" {
  type        = number
  default     = 10
  description = "GB; a volume grows and never shrinks."
  validation {
    condition     = var.size >= 1 && floor(var.size) == var.size
    error_message = "The size is a whole number of GB, at least 1."
  }
}

variable "volume_type" {
  type        = string
  default     = null
  description = "The cloud's own name of a kind of volume; its usual one if null."
}

variable "lotse_instance_id" { type = string }
variable "lotse_organization" { type = string }
variable "lotse_space" { type = string }
variable "lotse_operation" { type = string }

resource "openstack_blockstorage_volume_v3" "this" {
  name        = "lotse-${var.lotse_instance_id}"
  size        = var.size
  volume_type = var.volume_type
  # It grows while a machine uses it.
  enable_online_resize = true
  metadata = {
    lotse_instance     = var.lotse_instance_id
    lotse_organization = var.lotse_organization
    lotse_space        = var.lotse_space
    lotse_operation    = var.lotse_operation
  }
}

output "volume_id" { value = openstack_blockstorage_volume_v3.this.id }
output "size" { value = openstack_blockstorage_volume_v3.this.size }
