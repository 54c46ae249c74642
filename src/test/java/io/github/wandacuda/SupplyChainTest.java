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
        assertThat(children.item(index).getTextContent()).matches("[0-9]+(\\.[0-9]+)+");
        seen++;
      }
    }
    assertThat(seen).isGreaterThan(8);
  }
}
