package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/jackc/pgx/v5"
)

type database struct{ server *server }

type databaseModel struct {
	Name        types.String `tfsdk:"name"`
	Owner       types.String `tfsdk:"owner"`
	Connections types.Int64  `tfsdk:"connections"`
	Comment     types.String `tfsdk:"comment"`
}

func (*database) Metadata(_ context.Context, r resource.MetadataRequest, out *resource.MetadataResponse) {
	out.TypeName = "postgresql_database"
}

func (*database) Schema(_ context.Context, _ resource.SchemaRequest, out *resource.SchemaResponse) {
	fixed := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	out.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"name":        schema.StringAttribute{Required: true, PlanModifiers: fixed},
		"owner":       schema.StringAttribute{Required: true, PlanModifiers: fixed},
		"connections": schema.Int64Attribute{Required: true},
		"comment":     schema.StringAttribute{Required: true},
	}}
}

func (d *database) Configure(_ context.Context, request resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	d.server, _ = request.ProviderData.(*server)
}

func (d *database) Create(ctx context.Context, request resource.CreateRequest, out *resource.CreateResponse) {
	var model databaseModel
	if out.Diagnostics.Append(request.Plan.Get(ctx, &model)...); out.Diagnostics.HasError() {
		return
	}
	err := d.server.with(ctx, func(c *pgx.Conn) error {
		there, err := found(ctx, c, "select 1 from pg_database where datname = $1", model.Name.ValueString())
		if err == nil && !there {
			_, err = c.Exec(ctx, "create database "+quoted(model.Name.ValueString())+" owner "+quoted(model.Owner.ValueString()))
		}
		if err != nil {
			return err
		}
		return set(ctx, c, model)
	})
	if err != nil {
		out.Diagnostics.AddError("The database cannot be made", err.Error())
		return
	}
	out.Diagnostics.Append(out.State.Set(ctx, &model)...)
}

func set(ctx context.Context, c *pgx.Conn, model databaseModel) error {
	name := quoted(model.Name.ValueString())
	limit := strconv.FormatInt(model.Connections.ValueInt64(), 10)
	_, err := c.Exec(ctx, "alter database "+name+" connection limit "+limit+
		"; comment on database "+name+" is "+text(model.Comment.ValueString())+
		"; revoke all on database "+name+" from public")
	return err
}

func (d *database) Read(ctx context.Context, request resource.ReadRequest, out *resource.ReadResponse) {
	var model databaseModel
	if out.Diagnostics.Append(request.State.Get(ctx, &model)...); out.Diagnostics.HasError() {
		return
	}
	there := false
	err := d.server.with(ctx, func(c *pgx.Conn) error {
		var limit int64
		var comment string
		row := c.QueryRow(ctx, "select datconnlimit, coalesce(shobj_description(oid, 'pg_database'), '') from pg_database where datname = $1", model.Name.ValueString())
		err := row.Scan(&limit, &comment)
		if err == nil {
			there = true
			model.Connections, model.Comment = types.Int64Value(limit), types.StringValue(comment)
		}
		return absentIsFine(err)
	})
	if err != nil {
		out.Diagnostics.AddError("The database cannot be read", err.Error())
		return
	}
	if !there {
		out.State.RemoveResource(ctx)
		return
	}
	out.Diagnostics.Append(out.State.Set(ctx, &model)...)
}

func (d *database) Update(ctx context.Context, request resource.UpdateRequest, out *resource.UpdateResponse) {
	var model databaseModel
	if out.Diagnostics.Append(request.Plan.Get(ctx, &model)...); out.Diagnostics.HasError() {
		return
	}
	if err := d.server.with(ctx, func(c *pgx.Conn) error { return set(ctx, c, model) }); err != nil {
		out.Diagnostics.AddError("The database cannot be changed", err.Error())
		return
	}
	out.Diagnostics.Append(out.State.Set(ctx, &model)...)
}

func (d *database) Delete(ctx context.Context, request resource.DeleteRequest, out *resource.DeleteResponse) {
	var model databaseModel
	if out.Diagnostics.Append(request.State.Get(ctx, &model)...); out.Diagnostics.HasError() {
		return
	}
	err := d.server.with(ctx, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, "drop database if exists "+quoted(model.Name.ValueString())+" with (force)")
		return err
	})
	if err != nil {
		out.Diagnostics.AddError("The database cannot be removed", err.Error())
	}
}

func found(ctx context.Context, c *pgx.Conn, query, name string) (bool, error) {
	var one int
	err := c.QueryRow(ctx, query, name).Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func absentIsFine(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return err
}
