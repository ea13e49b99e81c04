//! The services, meters and regions of three clouds: names, categories and prices of the kind real bills have.
//!
//! ```text
//! Amazon Elastic Compute Cloud · Compute / Virtual Machines · BoxUsage:m6i.xlarge · Hours · 0.192
//! ```
//!
//! Prices are examples, not quotes.

/// One of the three clouds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Cloud {
    /// Amazon Web Services.
    Aws,
    /// Microsoft Azure.
    Azure,
    /// Google Cloud.
    Gcp,
}

impl Cloud {
    /// All, in the order of the deliveries.
    pub const ALL: [Cloud; 3] = [Cloud::Aws, Cloud::Azure, Cloud::Gcp];

    /// `aws`, `azure`, `gcp`.
    pub fn word(self) -> &'static str {
        match self {
            Cloud::Aws => "aws",
            Cloud::Azure => "azure",
            Cloud::Gcp => "gcp",
        }
    }

    /// FOCUS ProviderName.
    pub(crate) fn provider(self) -> &'static str {
        match self {
            Cloud::Aws => "AWS",
            Cloud::Azure => "Microsoft",
            Cloud::Gcp => "Google Cloud",
        }
    }

    /// FOCUS PublisherName and InvoiceIssuerName.
    pub(crate) fn publisher(self) -> &'static str {
        match self {
            Cloud::Aws => "Amazon Web Services, Inc.",
            Cloud::Azure => "Microsoft Corporation",
            Cloud::Gcp => "Google LLC",
        }
    }

    /// FOCUS SubAccountType.
    pub(crate) fn sub_account_type(self) -> &'static str {
        match self {
            Cloud::Aws => "Account",
            Cloud::Azure => "Subscription",
            Cloud::Gcp => "Project",
        }
    }

    /// FOCUS BillingAccountType.
    pub(crate) fn billing_account_type(self) -> &'static str {
        match self {
            Cloud::Aws => "Organization",
            Cloud::Azure => "Billing Profile",
            Cloud::Gcp => "Billing Account",
        }
    }

    /// Region id and name, the biggest first.
    pub(crate) fn regions(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Cloud::Aws => &[
                ("us-east-1", "US East (N. Virginia)"),
                ("eu-west-1", "Europe (Ireland)"),
                ("us-west-2", "US West (Oregon)"),
                ("eu-central-1", "Europe (Frankfurt)"),
                ("ap-southeast-1", "Asia Pacific (Singapore)"),
                ("ap-northeast-1", "Asia Pacific (Tokyo)"),
                ("us-east-2", "US East (Ohio)"),
                ("sa-east-1", "South America (Sao Paulo)"),
            ],
            Cloud::Azure => &[
                ("westeurope", "West Europe"),
                ("eastus", "East US"),
                ("northeurope", "North Europe"),
                ("eastus2", "East US 2"),
                ("southeastasia", "Southeast Asia"),
            ],
            Cloud::Gcp => &[
                ("europe-west1", "Belgium"),
                ("us-central1", "Iowa"),
                ("europe-west4", "Netherlands"),
                ("us-east4", "Northern Virginia"),
                ("asia-southeast1", "Singapore"),
            ],
        }
    }
}

/// What is metered, by what unit, at what list price.
pub(crate) struct MeterWords {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) price: &'static str,
}

/// One service.
pub(crate) struct Service {
    pub(crate) cloud: Cloud,
    pub(crate) name: &'static str,
    pub(crate) category: &'static str,
    pub(crate) subcategory: &'static str,
    pub(crate) resource_type: &'static str,
    /// Of ResourceId: `{a}` account, `{r}` region, `{n}` name, `{x}` 17 hexadecimal digits, `{g}` resource group.
    pub(crate) id: &'static str,
    /// How often it is used.
    pub(crate) weight: u64,
    /// True when commitments cover it.
    pub(crate) committed: bool,
    pub(crate) meters: &'static [MeterWords],
}

const fn m(name: &'static str, unit: &'static str, price: &'static str) -> MeterWords {
    MeterWords { name, unit, price }
}

macro_rules! services {
    ($($cloud:ident $weight:literal $committed:literal $name:literal, $category:literal / $subcategory:literal, $kind:literal, $id:literal: $(($meter:literal, $unit:literal, $price:literal))+;)*) => {
        /// Sixty services.
        pub(crate) const SERVICES: &[Service] = &[$(Service {
            cloud: Cloud::$cloud, name: $name, category: $category, subcategory: $subcategory, resource_type: $kind, id: $id,
            weight: $weight, committed: $committed, meters: &[$(m($meter, $unit, $price)),+],
        }),*];
    };
}

services! {
    Aws 300 true "Amazon Elastic Compute Cloud", "Compute" / "Virtual Machines", "instance", "arn:aws:ec2:{r}:{a}:instance/i-{x}":
        ("BoxUsage:m6i.xlarge", "Hours", "0.192") ("BoxUsage:c7g.4xlarge", "Hours", "0.58") ("BoxUsage:r6i.8xlarge", "Hours", "2.016") ("SpotUsage:c6i.4xlarge", "Hours", "0.2534") ("BoxUsage:p4d.24xlarge", "Hours", "32.7726");
    Aws 90 false "Amazon Elastic Block Store", "Storage" / "Block Storage", "volume", "arn:aws:ec2:{r}:{a}:volume/vol-{x}":
        ("EBS:VolumeUsage.gp3", "GB-Months", "0.08") ("EBS:VolumeP-IOPS.gp3", "IOPS-Months", "0.005") ("EBS:SnapshotUsage", "GB-Months", "0.05");
    Aws 110 false "Amazon Simple Storage Service", "Storage" / "Object Storage", "bucket", "arn:aws:s3:::{n}":
        ("TimedStorage-ByteHrs", "GB-Months", "0.023") ("Requests-Tier1", "Requests", "0.000005") ("Requests-Tier2", "Requests", "0.0000004") ("TimedStorage-GlacierByteHrs", "GB-Months", "0.0036");
    Aws 80 true "Amazon Relational Database Service", "Databases" / "Relational Databases", "db", "arn:aws:rds:{r}:{a}:db:{n}":
        ("InstanceUsage:db.r6g.2xl", "Hours", "0.899") ("RDS:GP3-Storage", "GB-Months", "0.115") ("RDS:ChargedBackupUsage", "GB-Months", "0.095");
    Aws 40 false "Amazon DynamoDB", "Databases" / "NoSQL Databases", "table", "arn:aws:dynamodb:{r}:{a}:table/{n}":
        ("ReadRequestUnits", "Requests", "0.000000125") ("WriteRequestUnits", "Requests", "0.000000625") ("TimedStorage-ByteHrs", "GB-Months", "0.25");
    Aws 50 true "AWS Lambda", "Compute" / "Serverless Compute", "function", "arn:aws:lambda:{r}:{a}:function:{n}":
        ("Lambda-GB-Second", "GB-Seconds", "0.0000166667") ("Request", "Requests", "0.0000002");
    Aws 60 false "Elastic Load Balancing", "Networking" / "Application Networking", "loadbalancer", "arn:aws:elasticloadbalancing:{r}:{a}:loadbalancer/app/{n}/{x}":
        ("LCUUsage", "LCU-Hours", "0.008") ("LoadBalancerUsage", "Hours", "0.0225");
    Aws 55 false "Amazon Virtual Private Cloud", "Networking" / "Network Infrastructure", "natgateway", "arn:aws:ec2:{r}:{a}:natgateway/nat-{x}":
        ("NatGateway-Hours", "Hours", "0.045") ("NatGateway-Bytes", "GB", "0.045") ("VpcEndpoint-Hours", "Hours", "0.01");
    Aws 60 false "AmazonCloudWatch", "Management and Governance" / "Observability", "log-group", "arn:aws:logs:{r}:{a}:log-group:{n}":
        ("DataProcessing-Bytes", "GB", "0.5") ("CW:MetricMonitorUsage", "Metrics", "0.3") ("TimedStorage-ByteHrs", "GB-Months", "0.03");
    Aws 30 false "Amazon Elastic Kubernetes Service", "Compute" / "Containers", "cluster", "arn:aws:eks:{r}:{a}:cluster/{n}":
        ("AmazonEKS-Hours:perCluster", "Hours", "0.1") ("EKSPod-vCPU-Hours", "vCPU-Hours", "0.0316");
    Aws 25 true "AWS Fargate", "Compute" / "Containers", "task", "arn:aws:ecs:{r}:{a}:task/{n}/{x}":
        ("Fargate-vCPU-Hours:perCPU", "vCPU-Hours", "0.04048") ("Fargate-GB-Hours", "GB-Hours", "0.004445");
    Aws 25 false "Amazon CloudFront", "Networking" / "Content Delivery", "distribution", "arn:aws:cloudfront::{a}:distribution/{n}":
        ("DataTransfer-Out-Bytes", "GB", "0.085") ("Requests-HTTPS-Proxy", "Requests", "0.000001");
    Aws 20 false "Amazon Simple Queue Service", "Integration" / "Messaging", "queue", "arn:aws:sqs:{r}:{a}:{n}":
        ("Requests-RBP", "Requests", "0.0000004") ("Requests-FIFO-RBP", "Requests", "0.0000005");
    Aws 12 false "Amazon Simple Notification Service", "Integration" / "Messaging", "topic", "arn:aws:sns:{r}:{a}:{n}":
        ("DeliveryAttempts-HTTP", "Notifications", "0.0000006");
    Aws 22 true "Amazon ElastiCache", "Databases" / "Caching", "cluster", "arn:aws:elasticache:{r}:{a}:cluster:{n}":
        ("NodeUsage:cache.r6g.large", "Hours", "0.206") ("NodeUsage:cache.m6g.2xlarge", "Hours", "0.593");
    Aws 20 true "Amazon OpenSearch Service", "Analytics" / "Search Analytics", "domain", "arn:aws:es:{r}:{a}:domain/{n}":
        ("ESInstance:r6g.2xlarge", "Hours", "0.669") ("ES:gp3-Storage", "GB-Months", "0.122");
    Aws 18 true "Amazon Redshift", "Analytics" / "Data Warehouses", "namespace", "arn:aws:redshift:{r}:{a}:namespace:{n}":
        ("Node:ra3.4xlarge", "Hours", "3.26") ("RMS:ra3.4xlarge", "GB-Months", "0.024");
    Aws 14 false "Amazon Athena", "Analytics" / "Analytics Platforms", "workgroup", "arn:aws:athena:{r}:{a}:workgroup/{n}":
        ("DataScannedInTB", "TB", "5");
    Aws 14 false "AWS Glue", "Analytics" / "Data Processing", "job", "arn:aws:glue:{r}:{a}:job/{n}":
        ("ETL-DPU-Hour", "DPU-Hours", "0.44") ("Crawler-DPU-Hour", "DPU-Hours", "0.44");
    Aws 16 false "Amazon Elastic MapReduce", "Analytics" / "Data Processing", "cluster", "arn:aws:elasticmapreduce:{r}:{a}:cluster/j-{x}":
        ("BoxUsage:m6i.4xlarge", "Hours", "0.192") ("BoxUsage:r6i.4xlarge", "Hours", "0.252");
    Aws 12 false "Amazon Managed Streaming for Apache Kafka", "Integration" / "Messaging", "cluster", "arn:aws:kafka:{r}:{a}:cluster/{n}/{x}":
        ("Kafka.m5.2xlarge", "Hours", "0.84") ("Kafka.Storage.GP2", "GB-Months", "0.1");
    Aws 12 false "Amazon Kinesis", "Analytics" / "Streaming Analytics", "stream", "arn:aws:kinesis:{r}:{a}:stream/{n}":
        ("Storage-ShardHour", "Hours", "0.015") ("PutRequestPayloadUnits", "PayloadUnits", "0.000000014");
    Aws 20 true "Amazon SageMaker", "AI and Machine Learning" / "AI Platforms", "endpoint", "arn:aws:sagemaker:{r}:{a}:endpoint/{n}":
        ("Host:ml.g5.2xlarge", "Hours", "1.515") ("Train:ml.p4d.24xlarge", "Hours", "37.688");
    Aws 12 false "Amazon Bedrock", "AI and Machine Learning" / "Generative AI", "inference-profile", "arn:aws:bedrock:{r}:{a}:inference-profile/{n}":
        ("InputTokens", "Tokens", "0.000003") ("OutputTokens", "Tokens", "0.000015");
    Aws 15 false "AWS Key Management Service", "Security" / "Security", "key", "arn:aws:kms:{r}:{a}:key/{x}":
        ("KMS-Keys", "Keys", "1") ("KMS-Requests", "Requests", "0.000003");
    Aws 10 false "AWS Secrets Manager", "Security" / "Security", "secret", "arn:aws:secretsmanager:{r}:{a}:secret:{n}":
        ("SecretUsage", "Secrets", "0.4") ("APIRequest", "Requests", "0.000005");
    Aws 10 false "AWS WAF", "Security" / "Security", "webacl", "arn:aws:wafv2:{r}:{a}:regional/webacl/{n}/{x}":
        ("RequestV2-Tier1", "Requests", "0.0000006") ("WebACLV2", "Months", "5");
    Aws 10 false "AWS CloudTrail", "Management and Governance" / "Observability", "trail", "arn:aws:cloudtrail:{r}:{a}:trail/{n}":
        ("PaidEventsRecorded", "Events", "0.00002");
    Aws 10 false "Amazon Elastic File System", "Storage" / "File Storage", "file-system", "arn:aws:elasticfilesystem:{r}:{a}:file-system/fs-{x}":
        ("TimedStorage-ByteHrs", "GB-Months", "0.3") ("ETDataAccess-Bytes", "GB", "0.03");
    Aws 8 false "AWS Step Functions", "Integration" / "Orchestration", "stateMachine", "arn:aws:states:{r}:{a}:stateMachine:{n}":
        ("StateTransition", "StateTransitions", "0.000025");
    Aws 8 false "Amazon API Gateway", "Integration" / "API Management", "restapis", "arn:aws:apigateway:{r}::/restapis/{n}":
        ("ApiGatewayRequest", "Requests", "0.0000035");
    Aws 14 false "AWS Direct Connect", "Networking" / "Network Connectivity", "dxcon", "arn:aws:directconnect:{r}:{a}:dxcon/dxcon-{x}":
        ("PortUsage:10G", "Hours", "2.25") ("DataXferOut", "GB", "0.02");

    Azure 120 true "Virtual Machines", "Compute" / "Virtual Machines", "microsoft.compute/virtualmachines", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.compute/virtualmachines/{n}":
        ("D8s v5", "1 Hour", "0.384") ("E16s v5", "1 Hour", "1.008") ("F16s v2", "1 Hour", "0.677");
    Azure 45 true "Virtual Machine Scale Sets", "Compute" / "Virtual Machines", "microsoft.compute/virtualmachinescalesets", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.compute/virtualmachinescalesets/{n}":
        ("D4s v5", "1 Hour", "0.192") ("D4s v5 Spot", "1 Hour", "0.0384");
    Azure 70 false "Storage Accounts", "Storage" / "Object Storage", "microsoft.storage/storageaccounts", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.storage/storageaccounts/{n}":
        ("Hot LRS Data Stored", "1 GB/Month", "0.0184") ("Hot Write Operations", "10K", "0.05") ("All Other Operations", "10K", "0.004");
    Azure 25 false "Azure Kubernetes Service", "Compute" / "Containers", "microsoft.containerservice/managedclusters", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.containerservice/managedclusters/{n}":
        ("Standard Uptime SLA", "1 Hour", "0.1");
    Azure 35 true "SQL Database", "Databases" / "Relational Databases", "microsoft.sql/servers/databases", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.sql/servers/sql/databases/{n}":
        ("vCore", "1 Hour", "0.2524") ("General Purpose Data Stored", "1 GB/Month", "0.115");
    Azure 22 true "Azure Cosmos DB", "Databases" / "NoSQL Databases", "microsoft.documentdb/databaseaccounts", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.documentdb/databaseaccounts/{n}":
        ("100 RU/s", "1/Hour", "0.008") ("Data Stored", "1 GB/Month", "0.25");
    Azure 15 false "Azure Database for PostgreSQL", "Databases" / "Relational Databases", "microsoft.dbforpostgresql/flexibleservers", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.dbforpostgresql/flexibleservers/{n}":
        ("D4ds v5", "1 Hour", "0.356");
    Azure 20 false "Azure Monitor", "Management and Governance" / "Observability", "microsoft.operationalinsights/workspaces", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.operationalinsights/workspaces/{n}":
        ("Analytics Logs Data Ingestion", "1 GB", "2.3") ("Alerts System Log", "1/Month", "1.5");
    Azure 18 false "Load Balancer", "Networking" / "Application Networking", "microsoft.network/loadbalancers", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.network/loadbalancers/{n}":
        ("Standard Included LB Rules", "1 Hour", "0.025") ("Standard Data Processed", "1 GB", "0.005");
    Azure 14 false "Azure Front Door Service", "Networking" / "Content Delivery", "microsoft.cdn/profiles", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.cdn/profiles/{n}":
        ("Standard Data Transfer Out", "1 GB", "0.083");
    Azure 12 false "Event Hubs", "Integration" / "Messaging", "microsoft.eventhub/namespaces", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.eventhub/namespaces/{n}":
        ("Standard Throughput Unit", "1 Hour", "0.03") ("Standard Ingress Events", "1M", "0.028");
    Azure 12 true "Azure Machine Learning", "AI and Machine Learning" / "AI Platforms", "microsoft.machinelearningservices/workspaces", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.machinelearningservices/workspaces/{n}":
        ("NC24ads A100 v4", "1 Hour", "3.673");
    Azure 10 false "Azure OpenAI", "AI and Machine Learning" / "Generative AI", "microsoft.cognitiveservices/accounts", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.cognitiveservices/accounts/{n}":
        ("Input Tokens", "1K", "0.0025") ("Output Tokens", "1K", "0.01");
    Azure 8 false "Key Vault", "Security" / "Security", "microsoft.keyvault/vaults", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.keyvault/vaults/{n}":
        ("Operations", "10K", "0.03");
    Azure 10 false "Azure Data Factory", "Analytics" / "Data Processing", "microsoft.datafactory/factories", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.datafactory/factories/{n}":
        ("Cloud Data Movement", "1 Hour", "0.25");
    Azure 8 false "ExpressRoute", "Networking" / "Network Connectivity", "microsoft.network/expressroutecircuits", "/subscriptions/{a}/resourcegroups/{g}/providers/microsoft.network/expressroutecircuits/{n}":
        ("Standard Metered Data 10 Gbps", "1 Hour", "5.97");

    Gcp 80 true "Compute Engine", "Compute" / "Virtual Machines", "instance", "//compute.googleapis.com/projects/{a}/zones/{r}-b/instances/{n}":
        ("N2 Instance Core", "hour", "0.031611") ("N2 Instance Ram", "gibibyte hour", "0.004237") ("A100 GPU", "hour", "2.934");
    Gcp 60 true "BigQuery", "Analytics" / "Data Warehouses", "dataset", "//bigquery.googleapis.com/projects/{a}/datasets/{n}":
        ("Analysis", "tebibyte", "6.25") ("Enterprise Edition slots", "slot hour", "0.06") ("Active Logical Storage", "gibibyte month", "0.02");
    Gcp 45 false "Cloud Storage", "Storage" / "Object Storage", "bucket", "//storage.googleapis.com/projects/_/buckets/{n}":
        ("Standard Storage", "gibibyte month", "0.02") ("Class A Operations", "count", "0.000005") ("Class B Operations", "count", "0.0000004");
    Gcp 25 true "Kubernetes Engine", "Compute" / "Containers", "cluster", "//container.googleapis.com/projects/{a}/locations/{r}/clusters/{n}":
        ("Autopilot Pod mCPU Requests", "hour", "0.0000445") ("Regional Kubernetes Clusters", "hour", "0.1");
    Gcp 25 true "Cloud SQL", "Databases" / "Relational Databases", "instance", "//sqladmin.googleapis.com/projects/{a}/instances/{n}":
        ("PostgreSQL vCPU", "hour", "0.0413") ("PostgreSQL RAM", "gibibyte hour", "0.007");
    Gcp 14 false "Cloud Spanner", "Databases" / "Relational Databases", "instance", "//spanner.googleapis.com/projects/{a}/instances/{n}":
        ("Server Node", "hour", "0.9");
    Gcp 14 false "Cloud Pub/Sub", "Integration" / "Messaging", "topic", "//pubsub.googleapis.com/projects/{a}/topics/{n}":
        ("Message Delivery Basic", "tebibyte", "40");
    Gcp 12 true "Cloud Run", "Compute" / "Serverless Compute", "service", "//run.googleapis.com/projects/{a}/locations/{r}/services/{n}":
        ("CPU Allocation Time", "second", "0.000024") ("Requests", "count", "0.0000004");
    Gcp 10 false "Vertex AI", "AI and Machine Learning" / "AI Platforms", "endpoint", "//aiplatform.googleapis.com/projects/{a}/locations/{r}/endpoints/{n}":
        ("Online Prediction A100", "hour", "3.3741") ("Input Characters", "count", "0.00000025");
    Gcp 12 false "Cloud Logging", "Management and Governance" / "Observability", "bucket", "//logging.googleapis.com/projects/{a}/locations/{r}/buckets/{n}":
        ("Log Storage cost", "gibibyte", "0.5");
    Gcp 10 true "Cloud Dataflow", "Analytics" / "Data Processing", "job", "//dataflow.googleapis.com/projects/{a}/jobs/{n}":
        ("vCPU Time Streaming", "hour", "0.069") ("Data Processed Streaming", "gibibyte", "0.018");
    Gcp 10 false "Networking", "Networking" / "Network Infrastructure", "forwarding-rule", "//compute.googleapis.com/projects/{a}/regions/{r}/forwardingRules/{n}":
        ("Network Inter Region Egress", "gibibyte", "0.02") ("Cloud NAT Data Processing", "gibibyte", "0.045");
}

/// Services that only the bill as a whole has: support plans, then what taxes, credits and adjustments name.
pub(crate) fn support(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Aws => "AWS Support (Enterprise)",
        Cloud::Azure => "Azure Unified Support",
        Cloud::Gcp => "Google Cloud Premium Support",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_services_use_the_categories_of_focus() {
        assert_eq!(SERVICES.len(), 60);
        let mut names = std::collections::HashSet::new();
        for service in SERVICES {
            assert!(leap_terms::focus::SERVICE_CATEGORIES.contains(&service.category), "{}", service.category);
            assert!(names.insert((service.cloud, service.name)), "{} twice", service.name);
            for meter in service.meters {
                assert!(meter.price.parse::<leap_terms::Exact>().is_ok());
                assert!(
                    meter.price.split_once('.').is_none_or(|(_, decimals)| decimals.len() <= 10),
                    "{}",
                    meter.price
                );
            }
        }
    }
}
