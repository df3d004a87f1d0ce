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
variable "database" { type = string }
variable "owner" { type = string }
variable "lotse_binding_id" { type = string }
variable "lotse_operation" { type = string }

resource "postgresql_role" "user" {
  name      = "lotse_${var.lotse_binding_id}"
  login     = true
  member_of = var.owner
  comment   = jsonencode({ operation = var.lotse_operation })
}

output "username" { value = postgresql_role.user.name }
output "password" {
  value     = postgresql_role.user.password
  sensitive = true
}
output "uri" {
  value     = "postgres://${postgresql_role.user.name}:${postgresql_role.user.password}@${var.host}:${var.port}/${var.database}"
  sensitive = true
}
