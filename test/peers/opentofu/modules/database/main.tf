terraform {
  required_providers {
    postgresql = { source = "lotse.example/tests/postgresql" }
  }
}

provider "postgresql" {
  url      = var.url
  password = var.password
}

variable "url" { type = string }
variable "password" {
  type      = string
  sensitive = true
}
variable "host" { type = string }
variable "port" { type = number }
variable "tier" {
  type    = string
  default = "small"
}
variable "connections" {
  type = number
  validation {
    condition     = var.connections > 0
    error_message = "A database needs one connection at least."
  }
}
variable "label" {
  type    = string
  default = ""
  validation {
    condition     = length(var.label) < 40
    error_message = "The label ${var.label} is longer than 40 characters."
  }
}
variable "tags" {
  type    = list(string)
  default = []
}
variable "lotse_instance_id" { type = string }
variable "lotse_organization" { type = string }
variable "lotse_operation" { type = string }

locals {
  name    = "lotse_${var.lotse_instance_id}"
  comment = jsonencode({ tier = var.tier, tags = var.tags, organization = var.lotse_organization, operation = var.lotse_operation })
}

resource "postgresql_role" "owner" {
  name    = "${local.name}_owner"
  login   = false
  comment = local.comment
}

resource "postgresql_database" "this" {
  name        = local.name
  owner       = postgresql_role.owner.name
  connections = var.connections
  comment     = local.comment
}

output "database" { value = postgresql_database.this.name }
output "owner" { value = postgresql_role.owner.name }
output "host" { value = var.host }
output "port" { value = var.port }
output "tier" { value = var.tier }
