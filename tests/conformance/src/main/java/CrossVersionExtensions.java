import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.hl7.fhir.instance.model.api.IBaseResource;

/**
 * HL7's cross-version extensions (http://hl7.org/fhir/5.0/StructureDefinition/extension-CarePlan.custodian and the like),
 * made from the other version's own definitions: one exists when the element, or the datatype, does. It may hold a value,
 * or nested extensions named by the members of the element.
 */
final class CrossVersionExtensions implements IValidationSupport {

    private static final Pattern URL = Pattern.compile("http://hl7\\.org/fhir/([45]\\.0)/StructureDefinition/extension-([A-Za-z.]+)");
    /** Members that the conversion adds beside the element's own: where an item stood, how many there were, its own extensions. */
    private static final Set<String> ADDED = Set.of("position", "order", "concept", "reference", "extension", "modifierExtension");
    /** Nested this deep at the most. */
    private static final int DEEPEST = 2;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final FhirContext context;
    /** The contexts of the versions that elements come from, by `4.0` and `5.0`. */
    private final Map<String, FhirContext> sources;
    private final Map<String, Optional<IBaseResource>> made = new ConcurrentHashMap<>();
    private static final Map<String, Optional<JsonNode>> DEFINITIONS = new ConcurrentHashMap<>();

    CrossVersionExtensions(FhirContext context, Map<String, FhirContext> sources) {
        this.context = context;
        this.sources = sources;
    }

    @Override
    public FhirContext getFhirContext() {
        return context;
    }

    @Override
    public IBaseResource fetchStructureDefinition(String url) {
        Matcher matcher = URL.matcher(url);
        return matcher.matches() ? made.computeIfAbsent(url, u -> make(u, matcher.group(1), matcher.group(2))).orElse(null) : null;
    }

    private Optional<IBaseResource> make(String url, String version, String path) {
        if (definition(version, path.split("\\.")[0]).isEmpty() || (path.contains(".") && element(version, path) == null)) {
            return Optional.empty();
        }
        ObjectNode definition = JSON.createObjectNode().put("resourceType", "StructureDefinition").put("url", url)
            .put("name", "CrossVersion").put("status", "active").put("fhirVersion", context.getVersion().getVersion().getFhirVersionString())
            .put("kind", "complex-type").put("abstract", false);
        definition.putArray("context").addObject().put("type", "element").put("expression", "Element");
        definition.put("type", "Extension").put("baseDefinition", "http://hl7.org/fhir/StructureDefinition/Extension").put("derivation", "constraint");
        ArrayNode elements = definition.putObject("differential").putArray("element");
        add(elements, "Extension", "Extension", version, path, url, DEEPEST);
        return Optional.of(context.newJsonParser().parseResource(definition.toString()));
    }

    /** The elements of one extension: its nested extensions, its url. */
    private void add(ArrayNode elements, String id, String place, String version, String path, String url, int deep) {
        if (id.equals("Extension")) {
            elements.addObject().put("id", id).put("path", place);
        }
        Set<String> members = members(version, path);
        if (deep > 0 && !members.isEmpty()) {
            ObjectNode sliced = elements.addObject().put("id", id + ".extension").put("path", place + ".extension");
            ObjectNode slicing = sliced.putObject("slicing").put("rules", "open");
            slicing.putArray("discriminator").addObject().put("type", "value").put("path", "url");
            for (String member : members) {
                String slice = id + ".extension:" + member;
                elements.addObject().put("id", slice).put("path", place + ".extension").put("sliceName", member);
                add(elements, slice, place + ".extension", version, path + "." + member, member, deep - 1);
            }
        }
        elements.addObject().put("id", id + ".url").put("path", place + ".url").put("fixedUri", url);
    }

    /** The members that nested extensions may be named by: of a backbone, or of the element's datatypes. */
    private Set<String> members(String version, String path) {
        Set<String> members = new TreeSet<>();
        JsonNode element = path.contains(".") ? element(version, path) : null;
        if (element == null && path.contains(".")) {
            return members; // one that the conversion adds
        }
        below(version, path, members);
        if (element != null) {
            for (JsonNode type : element.path("type")) {
                String code = type.path("code").asText();
                if (Character.isUpperCase(code.charAt(0)) && !Set.of("Extension", "Reference", "BackboneElement", "Element", "Resource").contains(code)) {
                    below(version, code, members);
                }
            }
        }
        members.remove("id");
        members.addAll(ADDED);
        members.add(path.substring(path.lastIndexOf('.') + 1)); // the value itself, beside its position
        return members;
    }

    private void below(String version, String path, Set<String> members) {
        definition(version, path.split("\\.")[0]).ifPresent(definition -> {
            for (JsonNode element : definition.at("/snapshot/element")) {
                String at = element.path("path").asText();
                if (at.startsWith(path + ".") && at.indexOf('.', path.length() + 1) < 0) {
                    members.add(at.substring(path.length() + 1).replace("[x]", ""));
                }
            }
        });
    }

    /** The element of a path, through datatypes where the path goes on inside one. */
    private JsonNode element(String version, String path) {
        String[] steps = path.split("\\.");
        String at = steps[0];
        JsonNode found = null;
        for (int i = 1; i < steps.length; i++) {
            JsonNode next = find(version, at + "." + steps[i]);
            if (next == null && found != null) {
                for (JsonNode type : found.path("type")) {
                    String code = type.path("code").asText();
                    if (find(version, code + "." + steps[i]) != null) {
                        next = find(version, code + "." + steps[i]);
                        at = code;
                        break;
                    }
                }
            }
            if (next == null) {
                return null;
            }
            found = next;
            at = at + "." + steps[i];
        }
        return found;
    }

    private JsonNode find(String version, String path) {
        JsonNode definition = definition(version, path.split("\\.")[0]).orElse(null);
        if (definition != null) {
            for (JsonNode element : definition.at("/snapshot/element")) {
                if (element.path("path").asText().replace("[x]", "").equals(path)) {
                    return element;
                }
            }
        }
        return null;
    }

    /** HL7's definition of a type, as JSON. */
    private Optional<JsonNode> definition(String version, String type) {
        return DEFINITIONS.computeIfAbsent(version + " " + type, key -> {
            FhirContext source = sources.get(version);
            IBaseResource found = source.getValidationSupport().fetchStructureDefinition("http://hl7.org/fhir/StructureDefinition/" + type);
            try {
                return found == null ? Optional.empty() : Optional.of(JSON.readTree(source.newJsonParser().encodeResourceToString(found)));
            } catch (java.io.IOException error) {
                throw new java.io.UncheckedIOException(error);
            }
        });
    }
}
