import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.ValidationSupportContext;
import ca.uhn.fhir.parser.IParser;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
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
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;

/**
 * Holds what a running Fastkontakt demo serves, and the resources of the test vectors, against HL7's reference
 * validator, in R5 and R4. The service's own definitions are validated, and then what follows them is held against them.
 *
 * <pre>Conformance http://127.0.0.1:8080/fhir EXAMPLES FOREIGN VECTORS [r4=DIRECTORY | r5=DIRECTORY]…</pre>
 *
 * EXAMPLES is the repository's examples/; FOREIGN holds stand-ins for definitions of others; VECTORS holds r4.ndjson and
 * r5.ndjson, made by conformance-dump; each DIRECTORY holds resources that are PUT in that version and read in both.
 * Exit code 1 when a finding is left after {@link #NOISE}.
 */
public final class Conformance {

    /** What says nothing of the server: message patterns, each with why. */
    private static final Map<String, String> NOISE = new LinkedHashMap<>();

    static {
        NOISE.put("(The code cannot be checked because codeSystem|CodeSystem is unknown and can't be validated:|Unknown code) '?http://snomed\\.info/sct", "SNOMED CT is not available offline");
        NOISE.put("CodeSystem is unknown and can't be validated: http://loinc\\.org", "LOINC is not available offline");
        NOISE.put("CodeSystem is unknown and can't be validated: http://hl7\\.org/fhir/sid/icd-10", "ICD-10 is not available offline");
        NOISE.put("CodeSystem is unknown and can't be validated: urn:oid:1\\.2\\.752\\.", "the Swedish registers (HOSP, HSA) have no published CodeSystem");
        NOISE.put("CodeSystem is unknown and can't be validated: urn:oid:1\\.2\\.759\\.129\\.2\\.2\\.1\\.4", "a misprint of the national base profiles that must be taken, see src/fhir/identifiers.rs");
        NOISE.put("CodeSystem is unknown and can't be validated: (https://example\\.org/|urn:x)", "a vector's stand-in for a code system that a policy names, or nobody knows");
        NOISE.put("questionnaire '(http://example\\.org/.*|.*\\|2021)' could not be resolved", "a vector's questions of someone else, or of another year");
        NOISE.put("^FK-03/godkand-grov-precision\\.json .*per-1", "an end of a year is its last day (GEN-01); the validator's R4 holds a day against a year");
        NOISE.put("v3-Act(Reason#HTEST|Code#DEMO|Code#NOPATIENT)\\) was not found in the value set '.*'[^)]*security-labels", "the value set holds all of v3-ActCode and v3-ActReason, and is not expanded offline");
        NOISE.put("Unknown code 'http://terminology\\.hl7\\.org/CodeSystem/v3-ActCode#NOPATIENT'", "the label that the national decision PDL-001 names; the validator's v3-ActCode lacks it");
        NOISE.put("Unknown code 'http://terminology\\.hl7\\.org/CodeSystem/condition-clinical#unknown'", "R5's code in the cross-version extension that is there for it; the validator's R4 lacks it");
        NOISE.put("Unable to resolve package id hl7\\.fhir\\.r[45]\\.core#null", "the validator seeks HL7's package online when it looks at the contexts of an extension; the snapshot is made in definitions()");
        NOISE.put("StructureDefinition/(huvudman|nar) is not allowed to be used at this point \\(this element is \\[CarePlan\\.activity\\.extension\\.extension,", "what stands on an R4 detail goes along inside its cross-version extension");
        NOISE.put("CodeSystem is unknown and can't be validated: https://profiles\\.ihe\\.net/ITI/BALP/CodeSystem/", "IHE's Basic Audit Log Patterns are not available offline");
        NOISE.put("\\(https://profiles\\.ihe\\.net/ITI/BALP/CodeSystem/BasicAuditEntityType#XrequestId\\) was not found in the value set '.*'[^)]*audit-entity-type", "IHE's code for the request's id; HL7's value set is extensible and has none");
        NOISE.put("Unable to expand ValueSet because CodeSystem has CodeSystem\\.content=not-present but contents were not found: http://dicom\\.nema\\.org/", "DICOM's codes are not in HL7's package of R5");
        NOISE.put("Details for #\\S+ matching against profile", "the validator telling what it did");
    }

    /** What a vector shows on purpose, in the resource that the rule finds fault with; never in one named `godkand`. */
    private static final Pattern DELIBERATE = Pattern.compile(
        "Unknown code 'https://(w3id\\.org/fastkontakt|terminologitjansten\\.inera\\.se)/" // a code that is none
        + "|Constraint failed: per-1" // FK-03: ends before it starts
        + "|fastkontakt/StructureDefinition/\\w+' definition allows for the types|Boolean values must be" // FVK-08: no boolean
        + "|\\(from https://w3id\\.org/fastkontakt/StructureDefinition/ej-aktuellt"); // MVP-01: no reason

    private static final List<String> VERSIONS = List.of("r5", "r4");
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int BATCH = 40;
    private static final Pattern IN_BATCH = Pattern.compile("Parameters\\.parameter\\[(\\d+)]\\.resource(?:/\\*.*?\\*/)?(.*)", Pattern.DOTALL);

    private record Finding(String version, String what, String severity, String id, String path, String message, String fragment) {}

    private record Answer(int status, JsonNode body, String text) {}

    private final HttpClient client = HttpClient.newHttpClient();
    private final Map<String, FhirContext> contexts = Map.of("r4", FhirContext.forR4(), "r5", FhirContext.forR5());
    private final Map<String, FhirValidator> validators = new HashMap<>();
    private final List<Finding> findings = Collections.synchronizedList(new ArrayList<>());
    private final Map<String, Integer> noise = new ConcurrentSkipListMap<>();
    private final Map<String, Integer> checked = new ConcurrentSkipListMap<>();
    /** One thread per processor: validating is all that takes time. */
    private final ExecutorService workers = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors(), work -> {
        Thread thread = new Thread(work);
        thread.setDaemon(true); // a failing run ends at once
        return thread;
    });
    private final List<Future<?>> underWay = new ArrayList<>();
    /** By version: what is collected for the next batch. */
    private final Map<String, List<Subject>> waiting = new HashMap<>();
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
            run.definitions(version, Path.of(args[2]));
        }
        for (String version : VERSIONS) {
            run.vectors(version, Path.of(args[3]));
            run.everythingServed(version);
            run.outcomes(version);
        }
        for (String version : VERSIONS) {
            run.bundles(version);
        }
        for (int i = 4; i < args.length; i++) {
            String[] source = args[i].split("=", 2);
            run.roundTrips(source[0], Path.of(source[1]));
        }
        for (String version : VERSIONS) {
            run.flush(version);
        }
        int done = 0;
        for (Future<?> check : run.underWay) {
            check.get();
            if (++done % 25 == 0) {
                System.out.println(done + " of " + run.underWay.size() + " batches");
            }
        }
        run.workers.shutdown();
        run.report();
        System.exit(run.findings.isEmpty() ? 0 : 1);
    }

    private FhirValidator validator(FhirContext context, PrePopulatedValidationSupport definitions, CrossVersionExtensions crossVersion) {
        ValidationSupportChain chain = new ValidationSupportChain(
            context.getValidationSupport(), // HL7's own definitions, read once
            definitions,
            crossVersion,
            new CommonCodeSystemsTerminologyService(context),
            new InMemoryTerminologyServerValidationSupport(context),
            new SnapshotGeneratingValidationSupport(context),
            new UnknownCodeSystemWarningValidationSupport(context));
        FhirInstanceValidator instance = new FhirInstanceValidator(chain);
        instance.setAnyExtensionsAllowed(false);
        instance.setErrorForUnknownProfiles(true);
        instance.setBestPracticeWarningLevel(BestPracticeWarningLevel.Ignore);
        return context.newValidator().registerValidatorModule(instance);
    }

    /** Takes the service's definitions and the stand-ins for others' into the validator, and validates the service's. */
    private void definitions(String version, Path foreign) throws Exception {
        FhirContext context = contexts.get(version);
        IParser parser = context.newJsonParser();
        Map<String, IBaseResource> questionnaires = new HashMap<>();
        PrePopulatedValidationSupport known = new PrePopulatedValidationSupport(context) {
            @Override
            public <T extends IBaseResource> T fetchResource(Class<T> type, String canonical) {
                IBaseResource questions = type != null && type.getSimpleName().equals("Questionnaire") ? questionnaires.get(canonical) : null;
                return questions == null ? super.fetchResource(type, canonical) : type.cast(questions);
            }
        };
        List<JsonNode> own = new ArrayList<>();
        for (String type : List.of("StructureDefinition", "CodeSystem", "ValueSet", "OperationDefinition", "SearchParameter", "Questionnaire")) {
            for (JsonNode entry : expect(200, get(version, "/" + type)).path("entry")) {
                own.add(entry.path("resource"));
                if (type.equals("Questionnaire")) {
                    questionnaires.put(entry.path("resource").path("url").asText(), parser.parseResource(entry.path("resource").toString()));
                } else if (!List.of("OperationDefinition", "SearchParameter").contains(type)) {
                    known.addResource(parser.parseResource(entry.path("resource").toString()));
                }
            }
        }
        try (var files = Files.list(foreign)) {
            for (Path file : files.sorted().toList()) {
                String other = version.equals("r4") ? ".r5.json" : ".r4.json";
                if (!file.toString().endsWith(other)) {
                    ObjectNode definition = (ObjectNode) JSON.readTree(file.toFile());
                    if (definition.path("resourceType").asText().equals("StructureDefinition")) {
                        definition.put("fhirVersion", context.getVersion().getVersion().getFhirVersionString());
                    }
                    known.addResource(parser.parseResource(definition.toString()));
                }
            }
        }
        Map<String, FhirContext> sources = Map.of("4.0", contexts.get("r4"), "5.0", contexts.get("r5"));
        CrossVersionExtensions crossVersion = new CrossVersionExtensions(context, sources);
        validators.put(version, validator(context, known, crossVersion));
        SnapshotGeneratingValidationSupport snapshots = new SnapshotGeneratingValidationSupport(context);
        ValidationSupportContext all = new ValidationSupportContext(new ValidationSupportChain(context.getValidationSupport(), known, crossVersion, snapshots));
        for (JsonNode definition : own) {
            if (definition.path("resourceType").asText().equals("StructureDefinition")) {
                // Fails when the differential does not fit its base.
                String url = definition.path("url").asText();
                if (snapshots.generateSnapshot(all, parser.parseResource(definition.toString()), url, "", definition.path("name").asText()) == null) {
                    findings.add(new Finding(version, "definition", "ERROR", url, "-", "no snapshot", ""));
                }
            }
        }
        for (JsonNode definition : own) {
            check(version, "definition", definition, Set.of());
        }
        check(version, "CapabilityStatement", expect(200, get(version, "/metadata")), Set.of());
    }

    /** The resources of the test vectors, as conformance-dump wrote them. */
    private void vectors(String version, Path directory) throws Exception {
        for (String line : Files.readAllLines(directory.resolve(version + ".ndjson"))) {
            JsonNode vector = JSON.readTree(line);
            check(version, "vector", vector.path("resource"), vector.path("place").asText(), Set.of());
        }
    }

    // What is asked of the server

    private void everythingServed(String version) throws Exception {
        JsonNode metadata = expect(200, get(version, "/metadata"));
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
                    // The definitions have been validated.
                    if (!entry.path("resource").has("url") || type.path("type").asText().equals("Questionnaire")) {
                        check(version, "demo", entry.path("resource"), Set.of());
                    }
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
        HttpResponse<String> response;
        try {
            response = client.send(request, BodyHandlers.ofString());
        } catch (java.io.IOException closed) { // an idle connection that the server has closed meanwhile
            response = client.send(request, BodyHandlers.ofString());
        }
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

    /** Something to be validated. */
    private record Subject(String version, String what, JsonNode resource, String place, Set<String> already) {
        String id() {
            return (place + " " + resource.path("resourceType").asText() + "/" + resource.path("id").asText("-")).strip();
        }
    }

    private void check(String version, String what, JsonNode resource, Set<String> already) {
        check(version, what, resource, "", already);
    }

    private void check(String version, String what, JsonNode resource, String place, Set<String> already) {
        checked.merge(version + " " + what, 1, Integer::sum);
        if (resource == null) {
            findings.add(new Finding(version, what, "ERROR", "-", "-", "no FHIR body", ""));
            return;
        }
        Subject subject = new Subject(version, what, resource, place, already);
        if (resource.path("resourceType").asText().equals("Bundle")) {
            underWay.add(workers.submit(() -> judge(subject)));
            return;
        }
        List<Subject> batch = waiting.computeIfAbsent(version, v -> new ArrayList<>());
        batch.add(subject);
        if (batch.size() == BATCH) {
            flush(version);
        }
    }

    private void flush(String version) {
        List<Subject> batch = waiting.remove(version);
        if (batch != null) {
            underWay.add(workers.submit(() -> judge(batch)));
        }
    }

    private void judge(Subject subject) {
        for (SingleValidationMessage message : validators.get(subject.version()).validateWithResult(subject.resource().toString()).getMessages()) {
            tell(subject, String.valueOf(message.getLocationString()), message);
        }
    }

    /** Many at once, as parameters of one Parameters: the validator sets itself up anew, slowly, for every call. */
    private void judge(List<Subject> batch) {
        ObjectNode parameters = JSON.createObjectNode().put("resourceType", "Parameters");
        for (Subject subject : batch) {
            parameters.withArray("parameter").addObject().put("name", "resource").set("resource", subject.resource());
        }
        String version = batch.get(0).version();
        List<SingleValidationMessage> messages = validators.get(version).validateWithResult(parameters.toString()).getMessages();
        for (SingleValidationMessage message : messages) {
            String path = String.valueOf(message.getLocationString());
            Matcher place = IN_BATCH.matcher(path);
            if (!place.matches()) {
                findings.add(new Finding(version, "batch", "ERROR", "-", path, message.getMessage(), ""));
                continue;
            }
            Subject subject = batch.get(Integer.parseInt(place.group(1)));
            tell(subject, subject.resource().path("resourceType").asText() + place.group(2), message);
        }
    }

    private void tell(Subject subject, String path, SingleValidationMessage message) {
        if (message.getSeverity() == ResultSeverityEnum.INFORMATION) {
            return; // advice, such as codes of preferred bindings; no fault
        }
        boolean shown = subject.what().equals("vector") && !subject.place().contains("/godkand");
        if (shown && DELIBERATE.matcher(message.getMessage()).find()) {
            noise.merge("what the vector is there to show", 1, Integer::sum);
            return;
        }
        boolean entryOfItsOwn = subject.what().equals("searchset") && path.matches("Bundle\\.entry\\[\\d+]\\.resource.*");
        if (entryOfItsOwn || subject.already().contains(message.getMessage())) {
            return;
        }
        String reason = reasonToIgnore(subject.place() + " " + message.getMessage());
        if (reason != null) {
            noise.merge(reason, 1, Integer::sum);
            return;
        }
        findings.add(new Finding(subject.version(), subject.what(), String.valueOf(message.getSeverity()), subject.id(), path,
            message.getMessage(), fragment(subject.resource(), path)));
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
