// swift-tools-version: 6.2
import PackageDescription

// The arrows between the modules are explained in docs/ARCHITECTURE.md and kept by Tests/TidyTests.
let package = Package(
    name: "outputfs",
    products: [.executable(name: "outputfs", targets: ["outputfs"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    ],
    targets: [
        // The system's libraries, each behind one door. No `pkgConfig`: its -D_FILE_OFFSET_BITS=64 gives
        // Glibc's structures a second definition; the module maps carry the `link` lines instead.
        .systemLibrary(name: "CFuse3", providers: [.apt(["libfuse3-dev"])]),
        .systemLibrary(name: "CCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CExpat", providers: [.apt(["libexpat1-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CChecksums"),
        .systemLibrary(name: "CCarryless"),

        // Pure values.
        .target(name: "FileSystemModel"),
        .target(name: "RDS", dependencies: ["CZlib"]),
        .target(name: "Checksums", dependencies: ["COpenSSL", "CChecksums"]),

        // What one process that serves a mount leaves to the next.
        .target(name: "HandOver", dependencies: ["CLinux"]),

        // Storage.
        .target(name: "BlobStorage"),
        // Pure, too: what names and metadata of blobs mean.
        .target(name: "OutputConventions", dependencies: ["BlobStorage", "FileSystemModel", "COpenSSL"]),
        .target(
            name: "AzureBlob",
            dependencies: [
                "BlobStorage", "Checksums", "CCurl", "COpenSSL", "CExpat", "CLinux",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),

        // The tree.
        .target(
            name: "LocalStore",
            dependencies: [
                "Checksums", "CLinux", .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .target(
            name: "BlobReading",
            dependencies: [
                "BlobStorage", "LocalStore",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .target(
            name: "BlobWriting",
            dependencies: [
                "BlobStorage", "LocalStore", "Checksums",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        // What no single listing tells: directories put together from several.
        .target(name: "OutputViews", dependencies: ["OutputConventions", "BlobStorage"]),
        .target(
            name: "OutputTree",
            dependencies: [
                "FileSystemModel", "HandOver", "OutputConventions", "OutputViews", "BlobStorage", "LocalStore",
                "BlobReading",
                "BlobWriting", .product(name: "Logging", package: "swift-log"),
            ]
        ),
        // The commands' own way to the store.
        .target(
            name: "OutputTransfer",
            dependencies: [
                "FileSystemModel", "OutputConventions", "OutputViews", "BlobStorage", "BlobWriting", "LocalStore",
                "Checksums", "RDS", "CLinux",
            ]
        ),

        .target(
            name: "FuseBinding",
            dependencies: [
                "FileSystemModel", "HandOver", "CFuse3", "CLinux", .product(name: "Logging", package: "swift-log"),
            ]
        ),

        // The embedded server: nothing of ours, an independent opinion on the protocol.
        .target(name: "BlobEmulator", dependencies: ["COpenSSL", "CLinux", "CExpat", "CCarryless"]),

        // The program.
        .target(
            name: "OutputFSCommands",
            dependencies: [
                "OutputConventions", "BlobStorage", "AzureBlob", "Checksums", "LocalStore", "BlobReading",
                "BlobWriting", "OutputTree", "OutputTransfer", "FuseBinding", "HandOver", "BlobEmulator", "CLinux",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .executableTarget(name: "outputfs", dependencies: ["OutputFSCommands"]),

        // Tests: one folder per module, then the suites that cross them.
        .target(
            name: "TestSupport",
            dependencies: ["BlobStorage", "COpenSSL"],
            path: "Tests/TestSupport"
        ),
        .target(
            name: "FileSystemSuite",
            dependencies: [
                "FileSystemModel", "OutputTree", "BlobStorage", "BlobReading", "BlobWriting", "LocalStore", "CLinux",
                "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/FileSystemSuite"
        ),
        .testTarget(
            name: "OutputConventionsTests",
            dependencies: ["OutputConventions", "BlobStorage", "FileSystemModel", "TestSupport"],
            resources: [.copy("Vectors")]
        ),
        .testTarget(name: "RDSTests", dependencies: ["RDS", "TestSupport"], resources: [.copy("Vectors")]),
        .testTarget(
            name: "OutputTransferTests",
            dependencies: ["OutputTransfer", "OutputConventions", "BlobStorage", "FileSystemModel", "TestSupport"],
            resources: [.copy("Vectors")]
        ),
        .testTarget(
            name: "OutputViewsTests",
            dependencies: ["OutputViews", "OutputConventions", "OutputTransfer", "BlobStorage", "TestSupport"]
        ),
        .testTarget(name: "FileSystemModelTests", dependencies: ["FileSystemModel"]),
        .testTarget(name: "HandOverTests", dependencies: ["HandOver", "TestSupport"]),
        .testTarget(
            name: "AzureBlobTests",
            dependencies: [
                "AzureBlob", "BlobStorage", "Checksums", .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.copy("Vectors")]
        ),
        .testTarget(
            name: "LocalStoreTests",
            dependencies: [
                "LocalStore", "Checksums", "TestSupport", .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "BlobReadingTests",
            dependencies: [
                "BlobReading", "BlobStorage", "FileSystemSuite", "LocalStore", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "BlobWritingTests",
            dependencies: [
                "BlobWriting", "BlobStorage", "LocalStore", "Checksums", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "FuseBindingTests",
            dependencies: [
                "FuseBinding", "FileSystemModel", "HandOver", "CFuse3", "CLinux",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "BlobEmulatorTests",
            dependencies: ["BlobEmulator"],
            resources: [.copy("Vectors")]
        ),
        .testTarget(
            name: "OutputTreeTests",
            dependencies: [
                "OutputTree", "OutputConventions", "FileSystemModel", "HandOver", "BlobStorage", "BlobReading",
                "BlobWriting", "FileSystemSuite", "TestSupport", "AzureBlob", "BlobEmulator",
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "MountTests",
            dependencies: [
                "FuseBinding", "OutputTree", "FileSystemModel", "BlobStorage", "BlobReading", "BlobWriting",
                "FileSystemSuite", "TestSupport", "CLinux",
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Logging", package: "swift-log"),
            ],
            // Beside it lie the suites of Python, which drive the built program.
            path: "Tests/MountTests/Kernel"
        ),
        .testTarget(
            name: "ContractTests",
            dependencies: [
                "BlobStorage", "AzureBlob", "BlobEmulator", "BlobWriting", "LocalStore", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "OutputFSCommandsTests",
            dependencies: [
                "OutputFSCommands", "OutputConventions", "AzureBlob", "BlobStorage", "OutputTree", "OutputTransfer",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(name: "TidyTests"),
    ],
    swiftLanguageModes: [.v6]
)

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]
for target in package.targets where target.type != .system {
    target.swiftSettings = (target.swiftSettings ?? []) + strict
}
