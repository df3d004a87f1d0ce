# Whether the account's user may make volumes at the cloud; makes nothing itself.
terraform {
  required_providers {
    openstack = {
      source  = "terraform-provider-openstack/openstack"
      version = "~> 3.0"
    }
  }
}

data "openstack_identity_auth_scope_v3" "this" {
  name = "lotse"
  lifecycle {
    postcondition {
      condition     = anytrue([for role in self.roles : role.role_name != "reader"])
      error_message = "The account's user has only the role reader and makes no volumes. Give it the role member."
    }
  }
}

data "openstack_blockstorage_quotaset_v3" "this" {
  project_id = data.openstack_identity_auth_scope_v3.this.project_id
  lifecycle {
    postcondition {
      condition     = self.volumes != 0 && self.gigabytes != 0
      error_message = "The project's quota has no room for any volume."
    }
  }
}
