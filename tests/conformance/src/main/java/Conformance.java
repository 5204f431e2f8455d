import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;

/**
 * Holds what a running Fastkontakt demo serves against HL7's reference validator, in R5 and R4.
 *
 * <pre>Conformance http://127.0.0.1:8080/fhir EXAMPLES [r4=DIRECTORY | r5=DIRECTORY]…</pre>
 *
 * EXAMPLES is the repository's examples/; each DIRECTORY holds resources that are PUT in that version and read in both.
 * Exit code 1 when a finding is left after {@link #NOISE}.
 */
public final class Conformance {

    /** What says nothing of the server: message patterns, each with why. */
    private static final Map<String, String> NOISE = new LinkedHashMap<>();

    static {
        String own = "(https://w3id\\.org/fastkontakt/|https?://fhir\\.inera\\.se|https://terminologitjansten\\.inera\\.se"
            + "|http://hl7\\.org/fhir/[45]\\.0/StructureDefinition/extension-)";
        NOISE.put("Unknown extension '?" + own, "extension definition not loaded");
        NOISE.put("Unknown extension http://example\\.org/", "extension definition not loaded");
        NOISE.put("Extension url 'http://hl7\\.org/fhir/([45])\\.0/StructureDefinition/extension-.*invalid Version '\\1\\.0'", "cross-version definitions not loaded");
        NOISE.put("(Failed to retrieve profile with url=|Profile reference ')" + own, "profile not loaded");
        NOISE.put("CodeSystem is unknown and can't be validated", "code system not loaded");
        NOISE.put("The code cannot be checked because codeSystem 'http://snomed\\.info/sct'", "code system not loaded");
        NOISE.put("not found in the value set 'All Security Labels' .*security-labels\\|5", "R5 value set over v3 codes, not expanded offline");
        NOISE.put("None of the codings provided are in the value set 'Patient Relationship Type' .*v3-RoleCode#", "R5 value set over v3 codes, not expanded offline");
        NOISE.put("Details for #\\S+ matching against profile", "the validator telling what it did");
    }

    private static final List<String> VERSIONS = List.of("r5", "r4");
    private static final ObjectMapper JSON = new ObjectMapper();

    private record Finding(String version, String what, String severity, String id, String path, String message, String fragment) {}

    private record Answer(int status, JsonNode body, String text) {}

    private final HttpClient client = HttpClient.newHttpClient();
    private final Map<String, FhirValidator> validators =
        Map.of("r4", validator(FhirContext.forR4()), "r5", validator(FhirContext.forR5()));
    private final List<Finding> findings = new ArrayList<>();
    private final Map<String, Integer> noise = new TreeMap<>();
    private final Map<String, Integer> checked = new TreeMap<>();
    private final String base;
    private final Path examples;

    private Conformance(String base, Path examples) {
        this.base = base;
        this.examples = examples;
    }

    public static void main(String[] args) throws Exception {
        System.setProperty("jdk.httpclient.keepalive.timeout", "1"); // validating takes longer than the server keeps a connection
        Conformance run = new Conformance(args[0], Path.of(args[1]));
        for (String version : VERSIONS) {
            run.everythingServed(version);
            run.outcomes(version);
        }
        for (String version : VERSIONS) {
            run.bundles(version);
        }
        for (int i = 2; i < args.length; i++) {
            String[] source = args[i].split("=", 2);
            run.roundTrips(source[0], Path.of(source[1]));
        }
        run.report();
        System.exit(run.findings.isEmpty() ? 0 : 1);
    }

    private static FhirValidator validator(FhirContext context) {
        UnknownCodeSystemWarningValidationSupport unknown = new UnknownCodeSystemWarningValidationSupport(context);
        ValidationSupportChain chain = new ValidationSupportChain(
            new DefaultProfileValidationSupport(context),
            new CommonCodeSystemsTerminologyService(context),
            new InMemoryTerminologyServerValidationSupport(context),
            new SnapshotGeneratingValidationSupport(context),
            unknown);
        FhirInstanceValidator instance = new FhirInstanceValidator(chain);
        instance.setAnyExtensionsAllowed(true);
        instance.setErrorForUnknownProfiles(false);
        instance.setBestPracticeWarningLevel(BestPracticeWarningLevel.Ignore);
        return context.newValidator().registerValidatorModule(instance);
    }

    // What is asked of the server

    private void everythingServed(String version) throws Exception {
        JsonNode metadata = expect(200, get(version, "/metadata"));
        check(version, "CapabilityStatement", metadata, Set.of());
        for (JsonNode type : metadata.at("/rest/0/resource")) {
            String url = base + "/" + version + "/" + type.path("type").asText() + "?_count=100";
            boolean first = true;
            while (url != null) {
                JsonNode page = expect(200, send(request(url).build()));
                if (first) {
                    check(version, "searchset", page, Set.of());
                    first = false;
                }
                for (JsonNode entry : page.path("entry")) {
                    check(version, "demo", entry.path("resource"), Set.of());
                }
                url = link(page, "next");
            }
        }
    }

    private void bundles(String version) throws Exception {
        for (String query : List.of(
                "/CareTeam?_id=there-is-none",
                "/CareTeam?_summary=count",
                "/CarePlan?_count=5&_include=CarePlan:subject&_revinclude=Goal:patient",
                "/CareTeam?patient=Patient/anna&_include=CareTeam:participant",
                "/CareTeam?_count=5&_summary=true",
                "/CareTeam?_count=5&_elements=status",
                "/CareTeam?unknown=1")) {
            Answer answer = send(request(base + "/" + version + query).header("Prefer", "handling=lenient").build());
            check(version, "searchset", answer.body(), Set.of());
        }
        HttpRequest posted = request(base + "/" + version + "/Patient/_search")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(BodyPublishers.ofString("_id=anna")).build();
        check(version, "searchset", expect(200, send(posted)), Set.of());

        ObjectNode patient = JSON.createObjectNode().put("resourceType", "Patient").put("id", "conformance-" + version);
        String address = "/Patient/conformance-" + version;
        put(version, address, patient);
        put(version, address, patient.put("active", true));
        expect(204, send(request(base + "/" + version + address).DELETE().build()));
        check(version, "history", expect(200, get(version, address + "/_history")), Set.of());
        check(version, "OperationOutcome 410", expect(410, get(version, address)), Set.of());

        ObjectNode transaction = JSON.createObjectNode().put("resourceType", "Bundle").put("type", "transaction");
        for (String method : List.of("PUT", "POST")) {
            ObjectNode entry = transaction.withArray("entry").addObject();
            entry.put("fullUrl", "urn:uuid:0193b1b0-0000-7000-8000-00000000000" + method.length());
            entry.set("resource", patient.deepCopy().put("id", "conformance-transaction"));
            entry.putObject("request").put("method", method)
                .put("url", method.equals("PUT") ? "Patient/conformance-transaction" : "Patient");
        }
        for (String prefer : List.of("return=minimal", "return=representation", "return=OperationOutcome")) {
            HttpRequest post = request(base + "/" + version).header("Content-Type", "application/fhir+json").header("Prefer", prefer)
                .POST(BodyPublishers.ofString(transaction.toString())).build();
            check(version, "transaction-response", expect(200, send(post)), Set.of());
        }
        if (version.equals("r5")) {
            HttpRequest post = request(base + "/r5").header("Content-Type", "application/fhir+json").header("Prefer", "return=OperationOutcome")
                .POST(BodyPublishers.ofFile(examples.resolve("transaktion.json"))).build();
            check(version, "transaction-response", expect(200, send(post)), Set.of());
        }
    }

    private void outcomes(String version) throws Exception {
        outcome(version, 400, get(version, "/CareTeam?unknown=1"));
        outcome(version, 404, get(version, "/CareTeam/there-is-none"));
        outcome(version, 404, get(version, "/Basic/there-is-none"));
        outcome(version, 404, get(version, "/CareTeam/anna/_history/99"));
        outcome(version, 405, send(request(base + "/" + version + "/metadata").DELETE().build()));
        outcome(version, 406, send(HttpRequest.newBuilder(URI.create(base + "/" + version + "/metadata")).header("Accept", "application/fhir+xml").build()));
        outcome(version, 415, send(request(base + "/" + version + "/Patient/x").header("Content-Type", "text/csv").PUT(BodyPublishers.ofString("a;b")).build()));
        outcome(version, 400, put(version, "/Patient/faulty", "{\"resourceType\":\"Patient\","));
        outcome(version, 400, put(version, "/Patient/faulty",
            "{\"resourceType\":\"Patient\",\"id\":\"faulty\",\"active\":\"ja\",\"gender\":\"man\",\"birthDate\":\"2026-02-30\",\"shoe\":45,\"name\":[{\"given\":[]}]}"));
        String nurse = Files.readString(examples.resolve(version.equals("r4")
            ? "fast-vardkontakt-lakare.r4.json" : "fast-vardkontakt-lakare.json")).replace("bjorken-lakare", "bjorken-sjukskoterska");
        outcome(version, 422, put(version, "/CareTeam/" + JSON.readTree(nurse).path("id").asText(), nurse));
        if (version.equals("r5")) {
            String untimed = Files.readString(examples.resolve("overenskommelse-utan-tid.json"));
            outcome(version, 422, put(version, "/CarePlan/" + JSON.readTree(untimed).path("id").asText(), untimed));
        }
    }

    private void outcome(String version, int status, Answer answer) {
        if (answer.status() != status) {
            System.out.println("UNEXPECTED " + version + ": " + answer.status() + " instead of " + status + ": " + answer.text());
        }
        check(version, "OperationOutcome " + status, answer.body(), Set.of());
    }

    /** Writes each file in its version and reads it in both; what the validator says of the file itself is not held against the server. */
    private void roundTrips(String version, Path directory) throws Exception {
        List<Path> files;
        try (var listed = Files.list(directory)) {
            files = listed.filter(file -> file.toString().endsWith(".json")).sorted().toList();
        }
        Set<String> types = new LinkedHashSet<>();
        expect(200, get(version, "/metadata")).at("/rest/0/resource").forEach(type -> types.add(type.path("type").asText()));
        for (Path file : files) {
            JsonNode source = JSON.readTree(file.toFile());
            if (!types.contains(source.path("resourceType").asText())) {
                continue;
            }
            String address = "/" + source.path("resourceType").asText() + "/" + source.path("id").asText();
            Answer written = put(version, address, source);
            if (written.status() >= 300) {
                System.out.println("REFUSED " + version + " " + file.getFileName() + ": " + written.status() + " " + written.text());
                check(version, "OperationOutcome " + written.status(), written.body(), Set.of());
                continue;
            }
            Set<String> already = new LinkedHashSet<>();
            for (SingleValidationMessage message : validators.get(version).validateWithResult(source.toString()).getMessages()) {
                already.add(message.getMessage());
            }
            for (String back : VERSIONS) {
                check(back, "written as " + version + ", read as " + back, expect(200, get(back, address)), already);
            }
        }
    }

    // HTTP

    private static HttpRequest.Builder request(String url) {
        return HttpRequest.newBuilder(URI.create(url)).header("Accept", "application/fhir+json");
    }

    private Answer get(String version, String address) throws Exception {
        return send(request(base + "/" + version + address).build());
    }

    private Answer put(String version, String address, Object body) throws Exception {
        return send(request(base + "/" + version + address).header("Content-Type", "application/fhir+json")
            .PUT(BodyPublishers.ofString(body.toString())).build());
    }

    private Answer send(HttpRequest request) throws Exception {
        HttpResponse<String> response = client.send(request, BodyHandlers.ofString());
        String text = response.body();
        return new Answer(response.statusCode(), text.startsWith("{") ? JSON.readTree(text) : null, text);
    }

    private static JsonNode expect(int status, Answer answer) {
        if (answer.status() != status) {
            throw new IllegalStateException(answer.status() + " instead of " + status + ": " + answer.text());
        }
        return answer.body();
    }

    private static String link(JsonNode bundle, String relation) {
        for (JsonNode link : bundle.path("link")) {
            if (link.path("relation").asText().equals(relation)) {
                return link.path("url").asText();
            }
        }
        return null;
    }

    // Judging

    private void check(String version, String what, JsonNode resource, Set<String> already) {
        checked.merge(version + " " + what, 1, Integer::sum);
        if (resource == null) {
            findings.add(new Finding(version, what, "ERROR", "-", "-", "no FHIR body", ""));
            return;
        }
        String id = resource.path("resourceType").asText() + "/" + resource.path("id").asText("-");
        for (SingleValidationMessage message : validators.get(version).validateWithResult(resource.toString()).getMessages()) {
            String path = String.valueOf(message.getLocationString());
            boolean entryOfItsOwn = what.equals("searchset") && path.matches("Bundle\\.entry\\[\\d+]\\.resource.*");
            if (entryOfItsOwn || already.contains(message.getMessage())) {
                continue;
            }
            String reason = reasonToIgnore(message.getMessage());
            if (reason != null) {
                noise.merge(reason, 1, Integer::sum);
                continue;
            }
            findings.add(new Finding(version, what, String.valueOf(message.getSeverity()), id, path,
                message.getMessage(), fragment(resource, path)));
        }
    }

    private static String reasonToIgnore(String message) {
        for (Map.Entry<String, String> entry : NOISE.entrySet()) {
            if (Pattern.compile(entry.getKey(), Pattern.DOTALL).matcher(message).find()) {
                return entry.getValue();
            }
        }
        return null;
    }

    /** The JSON at a validator's path, as far as it can be followed. */
    private static String fragment(JsonNode resource, String path) {
        JsonNode at = resource;
        Matcher step = Pattern.compile("\\.(\\w+)(?:\\[(\\d+)])?").matcher(path.replaceAll("/\\*.*?\\*/", "").replaceAll("\\.ofType\\(\\w+\\)", ""));
        while (step.find()) {
            JsonNode next = at.path(step.group(1));
            if (step.group(2) != null && next.isArray()) {
                next = next.path(Integer.parseInt(step.group(2)));
            }
            if (next.isMissingNode()) {
                break;
            }
            at = next;
        }
        String text = at.toString();
        return text.length() > 500 ? text.substring(0, 500) + "…" : text;
    }

    /** Findings grouped by version, place and message, with names, numbers and quoted values taken out of the key. */
    private void report() {
        Map<String, List<Finding>> groups = new TreeMap<>();
        for (Finding finding : findings) {
            String path = finding.path().replaceAll("/\\*.*?\\*/", "").replaceAll("\\[\\d+]", "").replaceAll("^\\w+\\.meta", "*.meta");
            String message = finding.message().replaceAll("'[^']*'", "'…'").replaceAll("\\d+", "n").replaceAll("\\[\\d+]", "");
            groups.computeIfAbsent(finding.version() + " | " + finding.what() + " | " + finding.severity() + " | " + path + " | " + message,
                key -> new ArrayList<>()).add(finding);
        }
        System.out.println("checked: " + checked);
        System.out.println("ignored: " + noise);
        System.out.println(findings.size() + " findings in " + groups.size() + " groups");
        groups.forEach((key, group) -> {
            Finding example = group.get(0);
            System.out.println("\n" + group.size() + " × " + key);
            System.out.println("    " + example.id() + " " + example.path() + ": " + example.message());
            System.out.println("    " + example.fragment());
        });
    }
}
