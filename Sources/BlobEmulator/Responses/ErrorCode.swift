/// The service's error codes, as far as this server answers them.
enum ErrorCode: String, Sendable {
    case appendPositionConditionNotMet, authenticationFailed, authorizationFailure, authorizationPermissionMismatch
    case authorizationProtocolMismatch, authorizationResourceTypeMismatch, authorizationServiceMismatch
    case authorizationSourceIPMismatch, blobAlreadyExists, blobArchived, blobBeingRehydrated
    case blobCustomerSpecifiedEncryptionMismatch, blobDoesNotUseCustomerSpecifiedEncryption
    case blobImmutableDueToLegalHold, blobImmutableDueToPolicy, blobIsSealed, blobUsesCustomerSpecifiedEncryption
    case blobModifiedWhileReading, blobNotFound, blockCountExceedsLimit, blockListTooLong, bothCrc64AndMd5HeaderPresent
    case cannotVerifyCopySource, conditionNotMet, containerAlreadyExists, containerBeingDeleted, containerNotFound
    case copyIdMismatch, crc64Mismatch, emptyMetadataKey, infiniteLeaseDurationRequired, internalError
    case invalidAuthenticationInfo, invalidBlobOrBlock, invalidBlobTier, invalidBlobType, invalidBlockList
    case invalidHeaderValue, invalidInput, invalidMd5, invalidMetadata, invalidOperation, invalidPageRange
    case invalidQueryParameterValue, invalidRange, invalidResourceName, invalidSourceBlobType, invalidUri
    case invalidXmlDocument, invalidXmlNodeValue, leaseAlreadyBroken, leaseAlreadyPresent
    case leaseIdMismatchWithBlobOperation, leaseIdMismatchWithContainerOperation, leaseIdMismatchWithLeaseOperation
    case leaseIdMissing, leaseIsBreakingAndCannotBeAcquired, leaseIsBreakingAndCannotBeChanged
    case leaseIsBrokenAndCannotBeRenewed, leaseLost, leaseNotPresentWithBlobOperation
    case leaseNotPresentWithContainerOperation, leaseNotPresentWithLeaseOperation, maxBlobSizeConditionNotMet
    case md5Mismatch, metadataTooLarge, missingContentLengthHeader, missingRequiredHeader
    case missingRequiredQueryParameter, missingRequiredXmlNode, multipleConditionHeadersNotSupported
    case noAuthenticationInformation, noPendingCopyOperation, outOfRangeInput, outOfRangeQueryParameterValue
    case pendingCopyOperation, requestBodyTooLarge, requestUrlFailedToParse, resourceNotFound, serverBusy
    case snapshotsPresent, sourceConditionNotMet, tagsTooLarge, unauthorizedBlobOverwrite, unsatisfiableCondition
    case directoryIsNotEmpty, directoryNotEmpty, featureNotYetSupportedForHierarchicalNamespaceAccounts
    case filesystemNotFound, hierarchicalNamespaceNotEnabled, invalidFlushPosition, invalidRenameSourcePath
    case invalidSourceOrDestinationResourceType, invalidSourceUri, operationNotSupportedOnDirectory
    case pathAlreadyExists, pathConflict, pathIsTooDeep, pathNotFound, renameDestinationParentPathNotFound
    case sourcePathNotFound
    case unsupportedHeader, unsupportedHttpVerb, unsupportedQueryParameter

    /// Status and message, in the service's words where they are known.
    var answer: (status: Int, message: String) {
        switch self {
        case .appendPositionConditionNotMet: (412, "The append position condition specified was not met.")
        case .authenticationFailed:
            (
                403,
                "Server failed to authenticate the request. Make sure the value of Authorization header is formed"
                    + " correctly including the signature."
            )
        case .authorizationFailure: (403, "This request is not authorized to perform this operation.")
        case .authorizationPermissionMismatch:
            (403, "This request is not authorized to perform this operation using this permission.")
        case .authorizationProtocolMismatch:
            (403, "This request is not authorized to perform this operation using this protocol.")
        case .authorizationResourceTypeMismatch:
            (403, "This request is not authorized to perform this operation using this resource type.")
        case .authorizationServiceMismatch:
            (403, "This request is not authorized to perform this operation using this service.")
        case .authorizationSourceIPMismatch:
            (403, "This request is not authorized to perform this operation using this source IP.")
        case .blobAlreadyExists: (409, "The specified blob already exists.")
        case .blobArchived: (409, "This operation is not permitted on an archived blob.")
        case .blobBeingRehydrated: (409, "This operation is not permitted because the blob is being rehydrated.")
        case .blobCustomerSpecifiedEncryptionMismatch:
            (409, "The given customer specified encryption does not match the encryption used to encrypt the blob.")
        case .blobDoesNotUseCustomerSpecifiedEncryption:
            (409, "The blob is not encrypted with customer specified encryption, but it was provided in the request.")
        case .blobImmutableDueToLegalHold:
            (409, "This operation is not permitted as the blob is immutable due to a legal hold.")
        case .blobImmutableDueToPolicy:
            (409, "This operation is not permitted as the blob is immutable due to a policy.")
        case .blobUsesCustomerSpecifiedEncryption:
            (409, "The blob is encrypted with customer specified encryption, but it was not provided in the request.")
        case .blobIsSealed: (409, "The specified blob is sealed and its contents can't be modified.")
        case .blobModifiedWhileReading: (409, "The blob has been modified while being read.")
        case .blobNotFound: (404, "The specified blob does not exist.")
        case .blockCountExceedsLimit: (409, "The uncommitted or committed block count exceeds the maximum limit.")
        case .blockListTooLong: (400, "The block list may not contain more than 50,000 blocks.")
        case .bothCrc64AndMd5HeaderPresent: (400, "Both x-ms-content-crc64 header and Content-MD5 header are present.")
        case .cannotVerifyCopySource: (404, "Could not verify the copy source within the specified time.")
        case .conditionNotMet: (412, "The condition specified using HTTP conditional header(s) is not met.")
        case .containerAlreadyExists: (409, "The specified container already exists.")
        case .containerBeingDeleted: (409, "The specified container is being deleted. Try operation later.")
        case .containerNotFound: (404, "The specified container does not exist.")
        case .copyIdMismatch: (409, "The specified copy ID did not match the copy ID for the pending copy operation.")
        case .crc64Mismatch:
            (
                400,
                "The CRC64 value specified in the request did not match with the CRC64 value calculated by the server."
            )
        case .directoryIsNotEmpty: (409, "This operation is not permitted on a non-empty directory.")
        case .directoryNotEmpty:
            (409, "The recursive query parameter value must be true to delete a non-empty directory.")
        case .featureNotYetSupportedForHierarchicalNamespaceAccounts:
            (409, "Feature is not yet supported for hierarchical namespace accounts.")
        case .filesystemNotFound: (404, "The specified filesystem does not exist.")
        case .hierarchicalNamespaceNotEnabled:
            (400, "This operation is only supported on a hierarchical namespace account.")
        case .invalidFlushPosition:
            (
                400,
                "The uploaded data is not contiguous or the position query parameter value is not equal to the length."
            )
        case .invalidRenameSourcePath:
            (409, "The source directory cannot be the same as the destination directory, nor a parent of it.")
        case .invalidSourceOrDestinationResourceType:
            (409, "The source and destination resource type must be identical.")
        case .invalidSourceUri: (400, "The source URI is invalid.")
        case .operationNotSupportedOnDirectory: (400, "This operation is not supported on a directory.")
        case .pathAlreadyExists: (409, "The specified path already exists.")
        case .pathConflict: (409, "The specified path, or an element of the path, exists and its type is invalid.")
        case .pathIsTooDeep: (409, "The path has too many segments.")
        case .pathNotFound: (404, "The specified path does not exist.")
        case .renameDestinationParentPathNotFound:
            (404, "The parent directory of the destination path does not exist.")
        case .sourcePathNotFound: (404, "The source path for a rename operation does not exist.")
        case .emptyMetadataKey: (400, "The key for one of the metadata key-value pairs is empty.")
        case .infiniteLeaseDurationRequired: (412, "The lease ID matched, but the specified lease must be infinite.")
        case .internalError: (500, "Server encountered an internal error. Please try again after some time.")
        case .invalidAuthenticationInfo:
            (
                401,
                "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
            )
        case .invalidBlobOrBlock: (400, "The specified blob or block content is invalid.")
        case .invalidBlobTier: (400, "The specified blob tier is invalid.")
        case .invalidBlobType: (409, "The blob type is invalid for this operation.")
        case .invalidBlockList: (400, "The specified block list is invalid.")
        case .invalidHeaderValue: (400, "The value for one of the HTTP headers is not in the correct format.")
        case .invalidInput: (400, "One of the request inputs is not valid.")
        case .invalidMd5: (400, "The MD5 value specified in the request is invalid.")
        case .invalidMetadata: (400, "The metadata specified is invalid. It has characters that are not permitted.")
        case .invalidOperation: (400, "The operation is invalid for this resource.")
        case .invalidPageRange: (416, "The page range specified is invalid.")
        case .invalidQueryParameterValue:
            (400, "Value for one of the query parameters specified in the request URI is invalid.")
        case .invalidRange: (416, "The range specified is invalid for the current size of the resource.")
        case .invalidResourceName: (400, "The specified resource name contains invalid characters.")
        case .invalidSourceBlobType: (409, "The copy source blob type is invalid for this operation.")
        case .invalidUri: (400, "The requested URI does not represent any resource on the server.")
        case .invalidXmlDocument: (400, "XML specified is not syntactically valid.")
        case .invalidXmlNodeValue: (400, "The value for one of the XML nodes is not in the correct format.")
        case .leaseAlreadyBroken: (409, "The lease has already been broken and cannot be broken again.")
        case .leaseAlreadyPresent: (409, "There is already a lease present.")
        case .leaseIdMismatchWithBlobOperation:
            (412, "The lease ID specified did not match the lease ID for the blob.")
        case .leaseIdMismatchWithContainerOperation:
            (412, "The lease ID specified did not match the lease ID for the container.")
        case .leaseIdMismatchWithLeaseOperation:
            (409, "The lease ID specified did not match the lease ID for the blob/container.")
        case .leaseIdMissing:
            (412, "There is currently a lease on the resource and no lease ID was specified in the request.")
        case .leaseIsBreakingAndCannotBeAcquired:
            (
                409,
                "The lease ID matched, but the lease is currently in breaking state and cannot be acquired until it is broken."
            )
        case .leaseIsBreakingAndCannotBeChanged:
            (409, "The lease ID matched, but the lease is currently in breaking state and cannot be changed.")
        case .leaseIsBrokenAndCannotBeRenewed:
            (409, "The lease ID matched, but the lease has been broken explicitly and cannot be renewed.")
        case .leaseLost: (412, "A lease ID was specified, but the lease for the resource has expired.")
        case .leaseNotPresentWithBlobOperation: (412, "There is currently no lease on the blob.")
        case .leaseNotPresentWithContainerOperation: (412, "There is currently no lease on the container.")
        case .leaseNotPresentWithLeaseOperation: (409, "There is currently no lease on the resource.")
        case .maxBlobSizeConditionNotMet: (412, "The max blob size condition specified was not met.")
        case .md5Mismatch:
            (400, "The MD5 value specified in the request did not match with the MD5 value calculated by the server.")
        case .metadataTooLarge: (400, "The metadata specified exceeds the maximum allowed limit (8KB).")
        case .missingContentLengthHeader: (411, "Content-Length HTTP header is missing.")
        case .missingRequiredHeader: (400, "An HTTP header that's mandatory for this request is not specified.")
        case .missingRequiredQueryParameter:
            (400, "A query parameter that's mandatory for this request is not specified.")
        case .missingRequiredXmlNode: (400, "An XML node that is mandatory is not specified.")
        case .multipleConditionHeadersNotSupported: (400, "Multiple condition headers are not supported.")
        case .noAuthenticationInformation:
            (
                401,
                "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
            )
        case .noPendingCopyOperation: (409, "There is currently no pending copy operation.")
        case .outOfRangeInput: (400, "One of the request inputs is out of range.")
        case .outOfRangeQueryParameterValue:
            (400, "One of the query parameters specified in the request URI is outside the permissible range.")
        case .pendingCopyOperation: (409, "There is currently a pending copy operation.")
        case .requestBodyTooLarge: (413, "The request body is too large and exceeds the maximum permissible limit.")
        case .requestUrlFailedToParse: (400, "The url in the request could not be parsed.")
        case .resourceNotFound: (404, "The specified resource does not exist.")
        case .serverBusy: (503, "The server is busy.")
        case .snapshotsPresent: (409, "This operation is not permitted because the blob has snapshots.")
        case .sourceConditionNotMet:
            (412, "The source condition specified using HTTP conditional header(s) is not met.")
        case .tagsTooLarge: (400, "The tags specified exceed the maximum permissible limit.")
        case .unauthorizedBlobOverwrite: (403, "This request is not authorized to perform blob overwrites.")
        case .unsatisfiableCondition: (400, "The request includes an unsatisfiable condition for this operation.")
        case .unsupportedHeader: (400, "One of the headers specified in the request is not supported.")
        case .unsupportedHttpVerb: (405, "The resource doesn't support specified Http Verb.")
        case .unsupportedQueryParameter:
            (400, "One of the query parameters specified in the request URI is not supported.")
        }
    }
}
