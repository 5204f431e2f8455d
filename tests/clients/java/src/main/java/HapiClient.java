import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.FhirVersionEnum;
import ca.uhn.fhir.model.api.Include;
import ca.uhn.fhir.rest.api.CacheControlDirective;
import ca.uhn.fhir.rest.api.MethodOutcome;
import ca.uhn.fhir.rest.api.SearchStyleEnum;
import ca.uhn.fhir.rest.api.SummaryEnum;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.gclient.ICriterion;
import ca.uhn.fhir.rest.gclient.ReferenceClientParam;
import ca.uhn.fhir.rest.gclient.StringClientParam;
import ca.uhn.fhir.rest.gclient.TokenClientParam;
import ca.uhn.fhir.rest.server.exceptions.BaseServerResponseException;
import ca.uhn.fhir.rest.server.exceptions.NotModifiedException;
import ca.uhn.fhir.util.BundleUtil;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import org.hl7.fhir.instance.model.api.IBaseBundle;
import org.hl7.fhir.instance.model.api.IBaseConformance;
import org.hl7.fhir.instance.model.api.IBaseParameters;
import org.hl7.fhir.instance.model.api.IBaseResource;

/**
 * The HAPI client against the running service: what a user of the client does, in both versions.
 *
 * <p>Arguments: the service's address, the folder of examples.
 */
public class HapiClient {
  private static int passed = 0;
  private static int failed = 0;

  public static void main(String[] arguments) throws IOException {
    Path examples = Path.of(arguments[1]);
    new Story<>(
            FhirContext.forR5(),
            arguments[0] + "/fhir/r5",
            org.hl7.fhir.r5.model.Bundle.class,
            org.hl7.fhir.r5.model.CapabilityStatement.class,
            org.hl7.fhir.r5.model.Parameters.class,
            Files.readString(examples.resolve("fast-vardkontakt-lakare.json")))
        .tell();
    new Story<>(
            FhirContext.forR4(),
            arguments[0] + "/fhir/r4",
            org.hl7.fhir.r4.model.Bundle.class,
            org.hl7.fhir.r4.model.CapabilityStatement.class,
            org.hl7.fhir.r4.model.Parameters.class,
            Files.readString(examples.resolve("fast-vardkontakt-lakare.r4.json")))
        .tell();
    System.out.println(passed + " passed, " + failed + " failed");
    System.exit(failed == 0 && passed > 0 ? 0 : 1);
  }

  private interface Run {
    void run() throws Exception;
  }

  /** One step of the story; a fault is told and the story goes on. */
  private static void step(String title, Run run) {
    try {
      run.run();
      passed += 1;
      System.out.println("  ok    " + title);
    } catch (Exception | AssertionError fault) {
      failed += 1;
      System.out.println("  FAULT " + title + ": " + fault);
      if (fault instanceof BaseServerResponseException answered) {
        System.out.println("        " + answered.getResponseBody());
      }
    }
  }

  private static void check(boolean holds, Object told) {
    if (!holds) {
      throw new AssertionError(String.valueOf(told));
    }
  }

  private static void same(Object expected, Object actual) {
    check(expected.equals(actual), "expected " + expected + ", got " + actual);
  }

  private static BaseServerResponseException refused(int status, Run call) throws Exception {
    try {
      call.run();
    } catch (BaseServerResponseException refusal) {
      same(status, refusal.getStatusCode());
      return refusal;
    }
    throw new AssertionError("expected " + status);
  }

  /** The story in one version; the resources are told as JSON, so that it is one story. */
  private static final class Story<B extends IBaseBundle, C extends IBaseConformance, P extends IBaseParameters> {
    private static final String IDENTIFIERS = "https://example.se/id/klient";
    private final FhirContext context;
    private final IGenericClient client;
    private final Class<B> bundles;
    private final Class<C> statements;
    private final Class<P> parameters;
    private final String contact;
    private final String value = "hapi-" + UUID.randomUUID();
    private MethodOutcome created;
    private String patient;
    private String team;

    Story(FhirContext context, String base, Class<B> bundles, Class<C> statements, Class<P> parameters, String contact) {
      this.context = context;
      this.client = context.newRestfulGenericClient(base);
      this.bundles = bundles;
      this.statements = statements;
      this.parameters = parameters;
      this.contact = contact;
    }

    private IBaseResource resource(String json) {
      return context.newJsonParser().parseResource(json);
    }

    private IBaseResource person(String value, String family) {
      return resource(
          """
          { "resourceType": "Patient", "identifier": [{ "system": "%s", "value": "%s" }],
            "name": [{ "family": "%s", "given": ["Klient"] }], "gender": "female" }"""
              .formatted(IDENTIFIERS, value, family));
    }

    private String nurseForAnna() {
      return contact
          .replace("\"id\": \"anna-vardkontakt\",", "")
          .replace("orebro-vc-bjorken-lakare", "orebro-vc-bjorken-sjukskoterska");
    }

    private String text(IBaseResource resource, String path) {
      return context.newTerser().getSinglePrimitiveValueOrNull(resource, path);
    }

    private String version(IBaseResource resource) {
      return resource.getIdElement().getVersionIdPart();
    }

    private ICriterion<?> identifier(String value) {
      return new TokenClientParam("identifier").exactly().systemAndCode(IDENTIFIERS, value);
    }

    private List<IBaseResource> resources(B bundle) {
      return BundleUtil.toListOfResources(context, bundle);
    }

    private List<String> ids(B bundle) {
      return resources(bundle).stream().map(it -> it.getIdElement().getIdPart()).collect(Collectors.toList());
    }

    private TreeSet<String> types(B bundle) {
      return resources(bundle).stream().map(IBaseResource::fhirType).collect(Collectors.toCollection(TreeSet::new));
    }

    void tell() {
      System.out.println("HAPI client, " + (context.getVersion().getVersion() == FhirVersionEnum.R5 ? "r5" : "r4"));

      step("capabilities", () -> {
        C statement = client.capabilities().ofType(statements).execute();
        String number = context.getVersion().getVersion() == FhirVersionEnum.R5 ? "5.0.0" : "4.0.1";
        same(number, context.newTerser().getSinglePrimitiveValueOrNull(statement, "fhirVersion"));
      });

      step("create", () -> {
        created = client.create().resource(person(value, "Prov")).execute();
        patient = created.getId().getIdPart();
        check(created.getCreated(), "created");
        same("1", created.getId().getVersionIdPart());
      });

      step("read, and not again what is known", () -> {
        IBaseResource read = client.read().resource("Patient").withId(patient).execute();
        same("female", text(read, "gender"));
        same("1", version(read));
        try {
          client.read().resource("Patient").withId(patient).ifVersionMatches("1").throwNotModifiedException().execute();
          throw new AssertionError("expected 304");
        } catch (NotModifiedException unchanged) {
          // As it should be.
        }
        refused(404, () -> client.read().resource("Patient").withId("nobody").execute());
      });

      step("update, with If-Match", () -> {
        IBaseResource read = client.read().resource("Patient").withId(patient).execute();
        context.newTerser().setElement(read, "birthDate", "1950-09-07");
        same("2", client.update().resource(read).execute().getId().getVersionIdPart());
        refused(412, () -> client.update().resource(read).withAdditionalHeader("If-Match", "W/\"1\"").execute());
      });

      step("vread", () -> {
        IBaseResource first = client.read().resource("Patient").withIdAndVersion(patient, "1").execute();
        check(text(first, "birthDate") == null, "an older version");
      });

      step("patch, as JSON Patch and as FHIRPath Patch", () -> {
        String operations = "[{ \"op\": \"replace\", \"path\": \"/name/0/family\", \"value\": \"Ändrad\" }]";
        MethodOutcome patched = client.patch().withBody(operations).withId("Patient/" + patient).execute();
        same("3", patched.getId().getVersionIdPart());
        String fhirPath =
            """
            { "resourceType": "Parameters", "parameter": [{ "name": "operation", "part": [
              { "name": "type", "valueCode": "replace" }, { "name": "path", "valueString": "Patient.gender" },
              { "name": "value", "valueCode": "male" }] }] }""";
        client.patch().withFhirPatch((IBaseParameters) resource(fhirPath)).withId("Patient/" + patient).execute();
        IBaseResource read = client.read().resource("Patient").withId(patient).execute();
        same(List.of("male", "Ändrad"), List.of(text(read, "gender"), text(read, "name.family")));
      });

      step("conditional create, update and patch", () -> {
        MethodOutcome found = client.create().resource(person(value, "Prov")).conditional().where(identifier(value)).execute();
        same(patient, found.getId().getIdPart());
        check(!Boolean.TRUE.equals(found.getCreated()), "found, not created");
        MethodOutcome updated =
            client.update().resource(person(value, "Villkorad")).conditional().where(identifier(value)).execute();
        same(patient, updated.getId().getIdPart());
        String operations = "[{ \"op\": \"replace\", \"path\": \"/gender\", \"value\": \"other\" }]";
        client.patch().withBody(operations).conditional("Patient").where(identifier(value)).execute();
        same("other", text(client.read().resource("Patient").withId(patient).execute(), "gender"));
      });

      step("search, by GET and by POST", () -> {
        for (SearchStyleEnum style : List.of(SearchStyleEnum.GET, SearchStyleEnum.POST)) {
          B found =
              client.search().forResource("Patient").where(identifier(value))
                  .and(new StringClientParam("family").matches().value("villkor"))
                  .usingStyle(style).returnBundle(bundles).execute();
          same(List.of(patient), ids(found));
        }
        refused(400, () -> client.search().byUrl("Patient?shoesize=43").returnBundle(bundles).execute());
      });

      for (SearchStyleEnum style : List.of(SearchStyleEnum.GET, SearchStyleEnum.POST)) {
        step("all pages of a search by " + style, () -> {
          B all = client.search().forResource("Patient").count(500).returnBundle(bundles).execute();
          List<String> seen = new ArrayList<>();
          B page =
              client.search().forResource("Patient").count(30).sort().descending("_lastUpdated").usingStyle(style)
                  .returnBundle(bundles).execute();
          while (page != null) {
            seen.addAll(ids(page));
            boolean more = BundleUtil.getLinkUrlOfType(context, page, "next") != null;
            page = more ? client.loadPage().next(page).execute() : null;
          }
          check(seen.size() > 100, seen.size());
          same(seen.size(), new HashSet<>(seen).size());
          same(new HashSet<>(ids(all)), new HashSet<>(seen));
        });
      }

      step("include, reverse include, chains, _has", () -> {
        B plans =
            client.search().forResource("CarePlan").where(new ReferenceClientParam("patient").hasId("Patient/erik"))
                .include(new Include("CarePlan:care-team")).returnBundle(bundles).execute();
        check(types(plans).containsAll(List.of("CarePlan", "CareTeam")), types(plans));
        B back =
            client.search().forResource("Patient").where(new TokenClientParam("_id").exactly().code("erik"))
                .revInclude(new Include("CareTeam:patient")).returnBundle(bundles).execute();
        check(types(back).contains("CareTeam"), types(back));
        ICriterion<TokenClientParam> erik = new TokenClientParam("_id").exactly().code("erik");
        B teams =
            client.search().forResource("CareTeam")
                .where(new ReferenceClientParam("patient").hasChainedProperty("Patient", erik))
                .returnBundle(bundles).execute();
        check(!ids(teams).isEmpty(), "chained");
        B has = client.search().byUrl("Patient?_has:CareTeam:patient:_id=" + ids(teams).get(0)).returnBundle(bundles).execute();
        same(List.of("erik"), ids(has));
      });

      step("_summary, _elements, _total", () -> {
        B count =
            client.search().forResource("CareTeam").summaryMode(SummaryEnum.COUNT).cacheControl(CacheControlDirective.noCache())
                .returnBundle(bundles).execute();
        check(BundleUtil.getTotal(context, count) > 50 && ids(count).isEmpty(), "a count");
        B few =
            client.search().forResource("Patient").where(new TokenClientParam("_id").exactly().code("erik"))
                .elementsSubset("birthDate").returnBundle(bundles).execute();
        IBaseResource erik = resources(few).get(0);
        check(text(erik, "birthDate") != null && text(erik, "name.family") == null, "a subset");
      });

      step("transaction", () -> {
        String subject = "urn:uuid:0b1f4c1e-8a54-4c38-9b52-0b6a1d2f7e04";
        String withSubject =
            contact.replace("\"id\": \"anna-vardkontakt\",", "")
                .replace("\"Patient/anna\"", "\"" + subject + "\"")
                .replaceAll(",?\\s*\"reasonReference\": \\[[^\\]]*\\]", "")
                .replaceAll(",?\\s*\"reference\": \\{ \"reference\": \"Condition/anna-tillstand-1\" \\}", "");
        String bundle =
            """
            { "resourceType": "Bundle", "type": "transaction", "entry": [
              { "resource": %s, "request": { "method": "POST", "url": "CareTeam" } },
              { "fullUrl": "%s", "resource": %s, "request": { "method": "POST", "url": "Patient" } }] }"""
                .formatted(
                    withSubject, subject,
                    context.newJsonParser().encodeResourceToString(person("hapi-" + UUID.randomUUID(), "Prov")));
        IBaseBundle answer = client.transaction().withBundle(bundles.cast(resource(bundle))).execute();
        String told = context.newJsonParser().encodeResourceToString(answer);
        team = told.replaceAll("(?s).*?CareTeam/([^/\"]+).*", "$1");
        IBaseResource written = client.read().resource("CareTeam").withId(team).execute();
        check(told.contains(text(written, "subject.reference")), told);
      });

      step("batch", () -> {
        String bundle =
            """
            { "resourceType": "Bundle", "type": "batch", "entry": [
              { "request": { "method": "GET", "url": "Patient/erik" } },
              { "resource": %s, "request": { "method": "POST", "url": "CareTeam" } }] }"""
                .formatted(nurseForAnna());
        IBaseBundle answer = client.transaction().withBundle(bundles.cast(resource(bundle))).execute();
        String told = context.newJsonParser().encodeResourceToString(answer);
        check(told.contains("\"status\":\"200") && told.contains("\"status\":\"422"), told);
      });

      step("the riktlinje refuses, with its reasons", () -> {
        BaseServerResponseException refusal =
            refused(422, () -> client.create().resource(resource(nurseForAnna())).execute());
        String told = context.newJsonParser().encodeResourceToString(refusal.getOperationOutcome());
        check(told.contains("FVK-01"), told);
      });

      step("$validate, $riktlinjekontroll and $everything", () -> {
        MethodOutcome judged = client.validate().resource(resource(nurseForAnna())).execute();
        String told = context.newJsonParser().encodeResourceToString(judged.getOperationOutcome());
        check(told.contains("FVK-01"), told);
        client.operation().onInstance("Patient/anna").named("$riktlinjekontroll")
            .withNoParameters(parameters).useHttpGet().returnMethodOutcome().execute();
        B everything =
            client.operation().onInstance("Patient/erik").named("$everything")
                .withNoParameters(parameters).useHttpGet().returnResourceType(bundles).execute();
        check(types(everything).containsAll(List.of("CarePlan", "CareTeam", "Patient")), types(everything));
      });

      step("history", () -> {
        B versions = client.history().onInstance("Patient/" + patient).returnBundle(bundles).execute();
        List<String> numbers = resources(versions).stream().map(this::version).collect(Collectors.toList());
        same("1", numbers.get(numbers.size() - 1));
        check(numbers.size() > 4, numbers);
        client.history().onType("CareTeam").returnBundle(bundles).count(5).execute();
        B page = client.history().onServer().returnBundle(bundles).count(5).execute();
        check(!ids(client.loadPage().next(page).execute()).isEmpty(), "the next page");
      });

      step("delete, by id and by criteria", () -> {
        client.delete().resourceById("CareTeam", team).execute();
        client.delete().resourceConditionalByType("Patient").where(identifier(value)).execute();
        refused(410, () -> client.read().resource("Patient").withId(patient).execute());
      });
    }
  }
}
