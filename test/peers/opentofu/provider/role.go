package main

import (
	"context"
	"crypto/rand"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/boolplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/jackc/pgx/v5"
)

type role struct{ server *server }

type roleModel struct {
	Name     types.String `tfsdk:"name"`
	Login    types.Bool   `tfsdk:"login"`
	MemberOf types.String `tfsdk:"member_of"`
	Comment  types.String `tfsdk:"comment"`
	Password types.String `tfsdk:"password"`
}

func (*role) Metadata(_ context.Context, r resource.MetadataRequest, out *resource.MetadataResponse) {
	out.TypeName = "postgresql_role"
}

func (*role) Schema(_ context.Context, _ resource.SchemaRequest, out *resource.SchemaResponse) {
	fixed := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	out.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"name":      schema.StringAttribute{Required: true, PlanModifiers: fixed},
		"login":     schema.BoolAttribute{Required: true, PlanModifiers: []planmodifier.Bool{boolplanmodifier.RequiresReplace()}},
		"member_of": schema.StringAttribute{Optional: true, PlanModifiers: fixed},
		"comment":   schema.StringAttribute{Required: true},
		"password": schema.StringAttribute{Computed: true, Sensitive: true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}},
	}}
}

func (r *role) Configure(_ context.Context, request resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.server, _ = request.ProviderData.(*server)
}

func (r *role) Create(ctx context.Context, request resource.CreateRequest, out *resource.CreateResponse) {
	var model roleModel
	if out.Diagnostics.Append(request.Plan.Get(ctx, &model)...); out.Diagnostics.HasError() {
		return
	}
	model.Password = types.StringValue(rand.Text())
	name := quoted(model.Name.ValueString())
	err := r.server.with(ctx, func(c *pgx.Conn) error {
		there, err := found(ctx, c, "select 1 from pg_roles where rolname = $1", model.Name.ValueString())
		if err == nil && !there {
			_, err = c.Exec(ctx, "create role "+name)
		}
		if err != nil {
			return err
		}
		login := " nologin"
		if model.Login.ValueBool() {
			login = " login"
		}
		statements := "alter role " + name + login + " password " + text(model.Password.ValueString()) +
			"; comment on role " + name + " is " + text(model.Comment.ValueString())
		if group := model.MemberOf.ValueString(); group != "" {
			// What it makes belongs to the group, so that it can be removed.
			statements += "; grant " + quoted(group) + " to " + name + "; alter role " + name + " set role " + quoted(group)
		}
		_, err = c.Exec(ctx, statements)
		return err
	})
	if err != nil {
		out.Diagnostics.AddError("The role cannot be made", err.Error())
		return
	}
	out.Diagnostics.Append(out.State.Set(ctx, &model)...)
}

func (r *role) Read(ctx context.Context, request resource.ReadRequest, out *resource.ReadResponse) {
	var model roleModel
	if out.Diagnostics.Append(request.State.Get(ctx, &model)...); out.Diagnostics.HasError() {
		return
	}
	var comment *string
	err := r.server.with(ctx, func(c *pgx.Conn) error {
		row := c.QueryRow(ctx, "select coalesce(shobj_description(oid, 'pg_authid'), '') from pg_roles where rolname = $1", model.Name.ValueString())
		return absentIsFine(row.Scan(&comment))
	})
	if err != nil {
		out.Diagnostics.AddError("The role cannot be read", err.Error())
		return
	}
	if comment == nil {
		out.State.RemoveResource(ctx)
		return
	}
	model.Comment = types.StringValue(*comment)
	out.Diagnostics.Append(out.State.Set(ctx, &model)...)
}

func (r *role) Update(ctx context.Context, request resource.UpdateRequest, out *resource.UpdateResponse) {
	var model roleModel
	if out.Diagnostics.Append(request.Plan.Get(ctx, &model)...); out.Diagnostics.HasError() {
		return
	}
	err := r.server.with(ctx, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, "comment on role "+quoted(model.Name.ValueString())+" is "+text(model.Comment.ValueString()))
		return err
	})
	if err != nil {
		out.Diagnostics.AddError("The role cannot be changed", err.Error())
		return
	}
	out.Diagnostics.Append(out.State.Set(ctx, &model)...)
}

func (r *role) Delete(ctx context.Context, request resource.DeleteRequest, out *resource.DeleteResponse) {
	var model roleModel
	if out.Diagnostics.Append(request.State.Get(ctx, &model)...); out.Diagnostics.HasError() {
		return
	}
	err := r.server.with(ctx, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, "drop role if exists "+quoted(model.Name.ValueString()))
		return err
	})
	if err != nil {
		out.Diagnostics.AddError("The role cannot be removed", err.Error())
	}
}
