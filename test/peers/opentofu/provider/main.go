// A provider for OpenTofu that makes roles and databases on a PostgreSQL server: small, and as careful as a provider
// should be. It looks before it makes, so that a create whose answer got lost finds its own work again.
package main

import (
	"context"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

const address = "lotse.example/tests/postgresql"

func main() {
	make := func() provider.Provider { return &postgresql{} }
	if err := providerserver.Serve(context.Background(), make, providerserver.ServeOpts{Address: address}); err != nil {
		log.Fatal(err)
	}
}

type postgresql struct{}

type settings struct {
	URL      types.String `tfsdk:"url"`
	Password types.String `tfsdk:"password"`
}

func (*postgresql) Metadata(_ context.Context, _ provider.MetadataRequest, r *provider.MetadataResponse) {
	r.TypeName = "postgresql"
}

func (*postgresql) Schema(_ context.Context, _ provider.SchemaRequest, r *provider.SchemaResponse) {
	r.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"url":      schema.StringAttribute{Required: true},
		"password": schema.StringAttribute{Required: true, Sensitive: true},
	}}
}

func (*postgresql) Configure(ctx context.Context, request provider.ConfigureRequest, r *provider.ConfigureResponse) {
	var given settings
	r.Diagnostics.Append(request.Config.Get(ctx, &given)...)
	r.ResourceData = &server{url: given.URL.ValueString(), password: given.Password.ValueString()}
}

func (*postgresql) DataSources(context.Context) []func() datasource.DataSource { return nil }

func (*postgresql) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		func() resource.Resource { return &role{} },
		func() resource.Resource { return &database{} },
	}
}
