package io.github.wandacuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** Whatever the build uses has one version, which is written down. */
class SupplyChainTest {
  private static Document pom() throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
    return factory.newDocumentBuilder().parse(Path.of("pom.xml").toFile());
  }

  private static List<Element> elements(Document pom, String name) {
    NodeList nodes = pom.getElementsByTagName(name);
    List<Element> elements = new ArrayList<>();
    for (int index = 0; index < nodes.getLength(); index++) {
      elements.add((Element) nodes.item(index));
    }
    return elements;
  }

  @Test
  void everyVersionIsExact() throws Exception {
    assertThat(elements(pom(), "version"))
        .extracting(Element::getTextContent)
        // The range of JDKs that may build is the toolchain's, not a dependency's.
        .filteredOn(version -> !version.equals("[25,)"))
        .hasSizeGreaterThan(20)
        .allMatch(version -> version.matches("[0-9][0-9A-Za-z.-]*|\\$\\{[A-Za-z0-9.]+}"))
        .noneMatch(version -> version.endsWith("-SNAPSHOT"));
  }

  @Test
  void everyPropertyThatIsAVersionIsExact() throws Exception {
    Element properties = elements(pom(), "properties").get(0);
    NodeList children = properties.getChildNodes();
    int seen = 0;
    for (int index = 0; index < children.getLength(); index++) {
      if (children.item(index).getNodeName().endsWith(".version")) {
        assertThat(children.item(index).getTextContent()).matches("[0-9]+(\\.[0-9]+)+(\\.Final)?");
        seen++;
      }
    }
    assertThat(seen).isGreaterThan(8);
  }

  /** Maven Central refuses a POM without these. */
  @Test
  void thePomSaysWhatCentralAsksFor() throws Exception {
    Document pom = pom();
    for (String name : List.of("name", "description", "url", "licenses", "developers", "scm")) {
      assertThat(childrenOfRoot(pom, name)).as(name).hasSize(1).allMatch(text -> !text.isBlank());
    }
    assertThat(childrenOfRoot(pom, "version")).allMatch(text -> text.matches("[0-9]+(\\.[0-9]+)+"));
  }

  /** A program that depends on the library gets what its public types need, and nothing else. */
  @Test
  void onlyFourLibrariesComeAlong() throws Exception {
    Element dependencies = (Element) pom().getElementsByTagName("dependencies").item(1);
    List<String> coming = new ArrayList<>();
    NodeList children = dependencies.getElementsByTagName("dependency");
    for (int index = 0; index < children.getLength(); index++) {
      Element dependency = (Element) children.item(index);
      String scope = text(dependency, "scope");
      if (text(dependency, "optional").isEmpty() && !scope.matches("test|provided")) {
        coming.add(text(dependency, "artifactId"));
      }
    }
    assertThat(coming)
        .containsExactlyInAnyOrder(
            "jackson-core", "jackson-databind", "snakeyaml-engine", "slf4j-api");
  }

  private static String text(Element parent, String name) {
    NodeList found = parent.getElementsByTagName(name);
    return found.getLength() == 0 ? "" : found.item(0).getTextContent();
  }

  private static List<String> childrenOfRoot(Document pom, String name) {
    return elements(pom, name).stream()
        .filter(element -> element.getParentNode() == pom.getDocumentElement())
        .map(Element::getTextContent)
        .toList();
  }
}
