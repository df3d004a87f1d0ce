/** The protocol switches an operator may set; defaults suit Cloud Foundry and Kubernetes alike. */

export interface Switches {
  readonly missingVersionStatus: 400 | 412;
  /** Oldest `X-Broker-API-Version` accepted. */
  readonly minApiVersion: string;
  /** What last_operation says of a finished deletion: 200 `succeeded`, or 410. */
  readonly deletedLastOperation: 200 | 410;
  /** Unknown `operation` values in last_operation are answered 404 instead of with the newest operation. */
  readonly strictOperation: boolean;
  readonly strictOriginatingIdentity: boolean;
  readonly onDeleteDuringCreate: "abort" | "refuse";
  readonly onDeprovisionWithBindings: "cascade" | "reject";
  /** One bind or unbind at a time on an instance. */
  readonly serializeBindings: boolean;
  readonly allowBindingsDuringUpdate: boolean;
  readonly emitEndpoints: boolean;
  readonly emitMetadata: boolean;
  readonly operationRetentionDays: number;
  readonly retryAfterSeconds: number;
  readonly requireOrgSpaceGuid: boolean;
}

export const defaultSwitches: Switches = {
  missingVersionStatus: 400,
  minApiVersion: "2.0",
  deletedLastOperation: 200,
  strictOperation: false,
  strictOriginatingIdentity: false,
  onDeleteDuringCreate: "abort",
  onDeprovisionWithBindings: "cascade",
  serializeBindings: false,
  allowBindingsDuringUpdate: false,
  emitEndpoints: true,
  emitMetadata: true,
  operationRetentionDays: 7,
  retryAfterSeconds: 10,
  requireOrgSpaceGuid: true,
};
