"""The standard mark in a picture that it was made by a model, for whoever meets it elsewhere."""

from __future__ import annotations

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED = VOCABULARY + "trainedAlgorithmicMedia"
COMPOSITE = VOCABULARY + "compositeWithTrainedAlgorithmicMedia"
PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmp:CreatorTool="Stepwise"
    Iptc4xmpExt:DigitalSourceType="{source}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def xmp(from_picture: bool) -> str:
    """An XMP packet with the IPTC digital source type: made by a trained model alone, or with one
    from a picture that somebody brought. It says nothing of who made it, when or how.
    See https://cv.iptc.org/newscodes/digitalsourcetype."""
    return PACKET.format(source=COMPOSITE if from_picture else TRAINED)
