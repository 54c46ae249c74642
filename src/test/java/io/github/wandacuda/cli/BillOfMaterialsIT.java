package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;

/** The jar says what it is made of, the same in every build. */
class BillOfMaterialsIT {

  @Test
  void theJarHoldsOne() throws IOException {
    JsonNode bill;
    try (JarFile jar = new JarFile("target/wanda-cuda.jar")) {
      JarEntry entry = jar.getJarEntry("META-INF/sbom/bom.json");
      assertThat(entry).as("the bill, which Maven leaves out when it is offline").isNotNull();
      InputStream in = jar.getInputStream(entry);
      bill = JsonMapper.builder().build().readTree(in);
    }
    assertThat(bill.get("bomFormat").asText()).isEqualTo("CycloneDX");
    assertThat(bill.has("serialNumber")).isFalse();
    assertThat(bill.get("metadata").has("timestamp")).isFalse();
    List<String> names = new ArrayList<>();
    for (JsonNode component : bill.get("components")) {
      names.add(component.get("name").asText());
      assertThat(component.get("version").asText()).isNotEmpty();
      assertThat(component.get("purl").asText()).startsWith("pkg:maven/");
      assertThat(component.get("hashes")).as(component.get("name").asText()).isNotEmpty();
    }
    assertThat(names)
        .contains("picocli", "jackson-databind", "tokenizers", "jcuda", "jocl", "slf4j-simple")
        .doesNotContain("junit-jupiter", "jazzer-junit");
  }
}
