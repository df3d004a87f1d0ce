"""A cinder driver that keeps no bytes: every volume and snapshot is only a row."""
from cinder.volume import driver


class LoopbackVolumeDriver(driver.VolumeDriver):
    VERSION = '1.0'

    def do_setup(self, context):
        pass

    def check_for_setup_error(self):
        pass

    def get_volume_stats(self, refresh=False):
        return {'volume_backend_name': self.configuration.safe_get('volume_backend_name') or 'fake',
                'vendor_name': 'loopback', 'driver_version': self.VERSION, 'storage_protocol': 'loopback',
                'pools': [{'pool_name': 'fake', 'total_capacity_gb': 1000, 'free_capacity_gb': 1000,
                           'provisioned_capacity_gb': 0, 'reserved_percentage': 0, 'max_over_subscription_ratio': 10,
                           'thin_provisioning_support': True, 'thick_provisioning_support': False,
                           'QoS_support': False, 'multiattach': False}]}

    def create_volume(self, volume):
        pass

    def delete_volume(self, volume):
        pass

    def create_volume_from_snapshot(self, volume, snapshot):
        pass

    def create_cloned_volume(self, volume, src_vref):
        pass

    def create_snapshot(self, snapshot):
        pass

    def delete_snapshot(self, snapshot):
        pass

    def extend_volume(self, volume, new_size):
        pass

    def copy_image_to_volume(self, context, volume, image_service, image_id, disable_sparse=False):
        pass

    def clone_image(self, context, volume, image_location, image_meta, image_service):
        return {}, True

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def initialize_connection(self, volume, connector):
        return {'driver_volume_type': 'loopback', 'data': {'volume_id': volume['id']}}

    def terminate_connection(self, volume, connector, **kwargs):
        pass
