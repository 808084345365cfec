import OutputConventions
import Testing

/// The names of job containers: the literals of the .NET library's own tests, and values that two independent
/// implementations agree on.
struct JobContainerTests {
    @Test(arguments: [
        ("job-15", "job-job-15"),
        ("MyTerrificJob", "job-myterrificjob"),
        ("J", "job-j"),
        ("j", "job-j"),
        ("my_job-bob", "job-my-job-bob-e04620bc2add214df74e158ba60d24273a0e0927"),
        ("my-_EVEN_MORE_-terrific-job", "job-my-even-more-te-68b05a7d8aa6aa65b9a6892c667a6c406a16ad65"),
        ("---", "job-job-58b63e273b964039d6ef432a415df3f177c818e5"),
        ("-", "job-job-3bc15c8aae3e4124dd409035f32ea2fd6835efc9"),
        ("_", "job-job-53a0acfad59379b3e050338bf9f23cfc172ee787"),
        (
            "myverylongjobnameallinonewordreallystartingtogetreallysillynow",
            "job-myverylongjobna-a8700e4947d0c8c621e53b24246aa0349d830e41"
        ),
        ("PersistOutput-20170619-101010", "job-persistoutput-20170619-101010"),
        (String(repeating: "a", count: 59), "job-" + String(repeating: "a", count: 59)),
        (String(repeating: "a", count: 60), "job-aaaaaaaaaaaaaaa-13d956033d9af449bfe2c4ef78c17c20469c4bf1"),
        ("render--final", "job-render-final-543baf752b699771af41b16649cc02cced554148"),
        ("-leading", "job-leading-6e491d9a4e8e5f730b28ebcc245688f7cd175856"),
        ("job_1", "job-job-1-78a95b1969751b433ac41b1e455c528bc43aa2c0"),
        ("JOB_1", "job-job-1-78a95b1969751b433ac41b1e455c528bc43aa2c0"),
        ("a:b", "job-a-b-dcea6d9ccd3d20ba1549f6d9b5dde60742158882"),
        ("0", "job-0"),
        (
            "my-job-bob-e04620bc2add214df74e158ba60d24273a0e0927",
            "job-my-job-bob-e04620bc2add214df74e158ba60d24273a0e0927"
        ),
    ])
    func isNamedAsByTheLibrary(id: String, container: String) {
        #expect(JobContainer.name(forJob: id) == container)
    }
}
