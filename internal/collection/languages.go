package collection

// The languages that a study may name: those of SIB-200/FLORES-200, Tatoeba,
// WebFAQ and the usual benchmarks of retrieval. One a line: ISO 639-3 code,
// English name, usual script (ISO 15924), family and genus as WALS names them,
// and the macrolanguage or collection that the code belongs to. Families are
// left out where they are disputed or do not apply.
const languageTable = `
abk|Abkhazian|Cyrl|Northwest Caucasian|Northwest Caucasian|
ace|Acehnese|Latn|Austronesian|Malayo-Sumbawan|
acm|Mesopotamian Arabic|Arab|Afro-Asiatic|Semitic|ara
acq|Ta'izzi-Adeni Arabic|Arab|Afro-Asiatic|Semitic|ara
aeb|Tunisian Arabic|Arab|Afro-Asiatic|Semitic|ara
afr|Afrikaans|Latn|Indo-European|Germanic|
ajp|South Levantine Arabic|Arab|Afro-Asiatic|Semitic|ara
aka|Akan|Latn|Niger-Congo|Kwa|
als|Tosk Albanian|Latn|Indo-European|Albanian|sqi
aln|Gheg Albanian|Latn|Indo-European|Albanian|sqi
amh|Amharic|Ethi|Afro-Asiatic|Semitic|
ang|Old English|Latn|Indo-European|Germanic|
apc|Levantine Arabic|Arab|Afro-Asiatic|Semitic|ara
ara|Arabic|Arab|Afro-Asiatic|Semitic|
arb|Standard Arabic|Arab|Afro-Asiatic|Semitic|ara
arg|Aragonese|Latn|Indo-European|Romance|
arq|Algerian Arabic|Arab|Afro-Asiatic|Semitic|ara
ars|Najdi Arabic|Arab|Afro-Asiatic|Semitic|ara
ary|Moroccan Arabic|Arab|Afro-Asiatic|Semitic|ara
arz|Egyptian Arabic|Arab|Afro-Asiatic|Semitic|ara
asm|Assamese|Beng|Indo-European|Indic|
ast|Asturian|Latn|Indo-European|Romance|
ava|Avaric|Cyrl|Nakh-Daghestanian|Avar-Andic-Tsezic|
awa|Awadhi|Deva|Indo-European|Indic|
ayr|Central Aymara|Latn|Aymaran|Aymaran|
azb|South Azerbaijani|Arab|Altaic|Turkic|aze
aze|Azerbaijani|Latn|Altaic|Turkic|
azj|North Azerbaijani|Latn|Altaic|Turkic|aze
bak|Bashkir|Cyrl|Altaic|Turkic|
bam|Bambara|Latn|Mande|Western Mande|
ban|Balinese|Latn|Austronesian|Malayo-Sumbawan|
bar|Bavarian|Latn|Indo-European|Germanic|
bel|Belarusian|Cyrl|Indo-European|Slavic|
bem|Bemba|Latn|Niger-Congo|Bantoid|
ben|Bengali|Beng|Indo-European|Indic|
ber|Berber languages|Latn|Afro-Asiatic|Berber|
bho|Bhojpuri|Deva|Indo-European|Indic|
bjn|Banjar|Latn|Austronesian|Malayo-Sumbawan|msa
bod|Tibetan|Tibt|Sino-Tibetan|Bodic|
bos|Bosnian|Latn|Indo-European|Slavic|hbs
bpy|Bishnupriya|Beng|Indo-European|Indic|
bre|Breton|Latn|Indo-European|Celtic|
bug|Buginese|Latn|Austronesian|South Sulawesi|
bul|Bulgarian|Cyrl|Indo-European|Slavic|
cat|Catalan|Latn|Indo-European|Romance|
cbk|Chavacano|Latn|||
ceb|Cebuano|Latn|Austronesian|Greater Central Philippine|
ces|Czech|Latn|Indo-European|Slavic|
cha|Chamorro|Latn|Austronesian|Chamorro|
che|Chechen|Cyrl|Nakh-Daghestanian|Nakh|
chv|Chuvash|Cyrl|Altaic|Turkic|
cjk|Chokwe|Latn|Niger-Congo|Bantoid|
ckb|Central Kurdish|Arab|Indo-European|Iranian|kur
cmn|Mandarin Chinese|Hans|Sino-Tibetan|Chinese|zho
cor|Cornish|Latn|Indo-European|Celtic|
cos|Corsican|Latn|Indo-European|Romance|
crh|Crimean Tatar|Latn|Altaic|Turkic|
csb|Kashubian|Latn|Indo-European|Slavic|
cym|Welsh|Latn|Indo-European|Celtic|
dan|Danish|Latn|Indo-European|Germanic|
deu|German|Latn|Indo-European|Germanic|
dik|Southwestern Dinka|Latn|Eastern Sudanic|Nilotic|din
din|Dinka|Latn|Eastern Sudanic|Nilotic|
div|Dhivehi|Thaa|Indo-European|Indic|
dsb|Lower Sorbian|Latn|Indo-European|Slavic|
dtp|Kadazan Dusun|Latn|Austronesian|North Borneo|
dyu|Dyula|Latn|Mande|Western Mande|
dzo|Dzongkha|Tibt|Sino-Tibetan|Bodic|
ekk|Standard Estonian|Latn|Uralic|Finnic|est
ell|Greek|Grek|Indo-European|Greek|
eng|English|Latn|Indo-European|Germanic|
epo|Esperanto|Latn|||
est|Estonian|Latn|Uralic|Finnic|
eus|Basque|Latn|Basque|Basque|
ewe|Ewe|Latn|Niger-Congo|Kwa|
fao|Faroese|Latn|Indo-European|Germanic|
fas|Persian|Arab|Indo-European|Iranian|
fij|Fijian|Latn|Austronesian|Oceanic|
fil|Filipino|Latn|Austronesian|Greater Central Philippine|tgl
fin|Finnish|Latn|Uralic|Finnic|
fon|Fon|Latn|Niger-Congo|Kwa|
fra|French|Latn|Indo-European|Romance|
fry|Western Frisian|Latn|Indo-European|Germanic|
fuv|Nigerian Fulfulde|Latn|Niger-Congo|Northern Atlantic|
fur|Friulian|Latn|Indo-European|Romance|
gaz|West Central Oromo|Latn|Afro-Asiatic|Lowland East Cushitic|orm
gla|Scottish Gaelic|Latn|Indo-European|Celtic|
gle|Irish|Latn|Indo-European|Celtic|
glg|Galician|Latn|Indo-European|Romance|
glv|Manx|Latn|Indo-European|Celtic|
grn|Guarani|Latn|Tupian|Tupi-Guaraní|
gsw|Swiss German|Latn|Indo-European|Germanic|
gug|Paraguayan Guaraní|Latn|Tupian|Tupi-Guaraní|grn
guj|Gujarati|Gujr|Indo-European|Indic|
hat|Haitian Creole|Latn|||
hau|Hausa|Latn|Afro-Asiatic|West Chadic|
hbs|Serbo-Croatian|Latn|Indo-European|Slavic|
heb|Hebrew|Hebr|Afro-Asiatic|Semitic|
hin|Hindi|Deva|Indo-European|Indic|
hne|Chhattisgarhi|Deva|Indo-European|Indic|
hrv|Croatian|Latn|Indo-European|Slavic|hbs
hsb|Upper Sorbian|Latn|Indo-European|Slavic|
hun|Hungarian|Latn|Uralic|Ugric|
hye|Armenian|Armn|Indo-European|Armenian|
ibo|Igbo|Latn|Niger-Congo|Igboid|
ido|Ido|Latn|||
ile|Interlingue|Latn|||
ilo|Ilocano|Latn|Austronesian|Northern Luzon|
ina|Interlingua|Latn|||
ind|Indonesian|Latn|Austronesian|Malayo-Sumbawan|
isl|Icelandic|Latn|Indo-European|Germanic|
ita|Italian|Latn|Indo-European|Romance|
jav|Javanese|Latn|Austronesian|Javanese|
jpn|Japanese|Jpan|Japanese|Japanese|
kab|Kabyle|Latn|Afro-Asiatic|Berber|ber
kac|Jingpho|Latn|Sino-Tibetan|Jingpho|
kam|Kamba|Latn|Niger-Congo|Bantoid|
kan|Kannada|Knda|Dravidian|Southern Dravidian|
kas|Kashmiri|Arab|Indo-European|Indic|
kat|Georgian|Geor|Kartvelian|Kartvelian|
kau|Kanuri|Latn|Saharan|Western Saharan|
kaz|Kazakh|Cyrl|Altaic|Turkic|
kbp|Kabiyè|Latn|Niger-Congo|Gur|
kea|Kabuverdianu|Latn|||
khk|Halh Mongolian|Cyrl|Altaic|Mongolic|mon
khm|Khmer|Khmr|Austro-Asiatic|Khmer|
kik|Kikuyu|Latn|Niger-Congo|Bantoid|
kin|Kinyarwanda|Latn|Niger-Congo|Bantoid|
kir|Kyrgyz|Cyrl|Altaic|Turkic|
kmb|Kimbundu|Latn|Niger-Congo|Bantoid|
kmr|Northern Kurdish|Latn|Indo-European|Iranian|kur
knc|Central Kanuri|Latn|Saharan|Western Saharan|kau
kon|Kikongo|Latn|Niger-Congo|Bantoid|
kor|Korean|Hang|Korean|Korean|
kur|Kurdish|Latn|Indo-European|Iranian|
kzj|Coastal Kadazan|Latn|Austronesian|North Borneo|
lao|Lao|Laoo|Tai-Kadai|Kam-Tai|
lat|Latin|Latn|Indo-European|Italic|
lav|Latvian|Latn|Indo-European|Baltic|
lez|Lezgian|Cyrl|Nakh-Daghestanian|Lezgic|
lfn|Lingua Franca Nova|Latn|||
lij|Ligurian|Latn|Indo-European|Romance|
lim|Limburgish|Latn|Indo-European|Germanic|
lin|Lingala|Latn|Niger-Congo|Bantoid|
lit|Lithuanian|Latn|Indo-European|Baltic|
lmo|Lombard|Latn|Indo-European|Romance|
ltg|Latgalian|Latn|Indo-European|Baltic|lav
ltz|Luxembourgish|Latn|Indo-European|Germanic|
lua|Luba-Kasai|Latn|Niger-Congo|Bantoid|
lug|Ganda|Latn|Niger-Congo|Bantoid|
luo|Luo|Latn|Eastern Sudanic|Nilotic|
lus|Mizo|Latn|Sino-Tibetan|Kuki-Chin|
lvs|Standard Latvian|Latn|Indo-European|Baltic|lav
mag|Magahi|Deva|Indo-European|Indic|
mai|Maithili|Deva|Indo-European|Indic|
mal|Malayalam|Mlym|Dravidian|Southern Dravidian|
mar|Marathi|Deva|Indo-European|Indic|
max|North Moluccan Malay|Latn|||msa
mhr|Meadow Mari|Cyrl|Uralic|Mari|
min|Minangkabau|Latn|Austronesian|Malayo-Sumbawan|msa
mkd|Macedonian|Cyrl|Indo-European|Slavic|
mlg|Malagasy|Latn|Austronesian|Barito|
mlt|Maltese|Latn|Afro-Asiatic|Semitic|
mni|Manipuri|Beng|Sino-Tibetan|Kuki-Chin|
mon|Mongolian|Cyrl|Altaic|Mongolic|
mos|Mossi|Latn|Niger-Congo|Gur|
mri|Maori|Latn|Austronesian|Oceanic|
msa|Malay (macrolanguage)|Latn|Austronesian|Malayo-Sumbawan|
mya|Burmese|Mymr|Sino-Tibetan|Burmese-Lolo|
mzn|Mazanderani|Arab|Indo-European|Iranian|
nap|Neapolitan|Latn|Indo-European|Romance|
nds|Low German|Latn|Indo-European|Germanic|
nep|Nepali (macrolanguage)|Deva|Indo-European|Indic|
new|Newari|Deva|Sino-Tibetan|Mahakiranti|
nld|Dutch|Latn|Indo-European|Germanic|
nno|Norwegian Nynorsk|Latn|Indo-European|Germanic|nor
nob|Norwegian Bokmål|Latn|Indo-European|Germanic|nor
nor|Norwegian|Latn|Indo-European|Germanic|
nov|Novial|Latn|||
npi|Nepali|Deva|Indo-European|Indic|nep
nqo|N'Ko|Nkoo|Mande|Western Mande|
nso|Northern Sotho|Latn|Niger-Congo|Bantoid|
nus|Nuer|Latn|Eastern Sudanic|Nilotic|
nya|Chichewa|Latn|Niger-Congo|Bantoid|
oci|Occitan|Latn|Indo-European|Romance|
ori|Odia (macrolanguage)|Orya|Indo-European|Indic|
orm|Oromo|Latn|Afro-Asiatic|Lowland East Cushitic|
orv|Old East Slavic|Cyrl|Indo-European|Slavic|
ory|Odia|Orya|Indo-European|Indic|ori
oss|Ossetian|Cyrl|Indo-European|Iranian|
pag|Pangasinan|Latn|Austronesian|Northern Luzon|
pam|Kapampangan|Latn|Austronesian|Central Luzon|
pan|Punjabi|Guru|Indo-European|Indic|
pap|Papiamento|Latn|||
pbt|Southern Pashto|Arab|Indo-European|Iranian|pus
pes|Iranian Persian|Arab|Indo-European|Iranian|fas
plt|Plateau Malagasy|Latn|Austronesian|Barito|mlg
pms|Piedmontese|Latn|Indo-European|Romance|
pnb|Western Punjabi|Arab|Indo-European|Indic|
pol|Polish|Latn|Indo-European|Slavic|
por|Portuguese|Latn|Indo-European|Romance|
prs|Dari|Arab|Indo-European|Iranian|fas
pus|Pashto|Arab|Indo-European|Iranian|
que|Quechua|Latn|Quechuan|Quechuan|
quy|Ayacucho Quechua|Latn|Quechuan|Quechuan|que
roh|Romansh|Latn|Indo-European|Romance|
ron|Romanian|Latn|Indo-European|Romance|
run|Rundi|Latn|Niger-Congo|Bantoid|
rus|Russian|Cyrl|Indo-European|Slavic|
sag|Sango|Latn|Niger-Congo|Ubangi|
sah|Yakut|Cyrl|Altaic|Turkic|
san|Sanskrit|Deva|Indo-European|Indic|
sat|Santali|Olck|Austro-Asiatic|Munda|
scn|Sicilian|Latn|Indo-European|Romance|
sco|Scots|Latn|Indo-European|Germanic|
shn|Shan|Mymr|Tai-Kadai|Kam-Tai|
sin|Sinhala|Sinh|Indo-European|Indic|
slk|Slovak|Latn|Indo-European|Slavic|
slv|Slovenian|Latn|Indo-European|Slavic|
smo|Samoan|Latn|Austronesian|Oceanic|
sna|Shona|Latn|Niger-Congo|Bantoid|
snd|Sindhi|Arab|Indo-European|Indic|
som|Somali|Latn|Afro-Asiatic|Lowland East Cushitic|
sot|Southern Sotho|Latn|Niger-Congo|Bantoid|
spa|Spanish|Latn|Indo-European|Romance|
sqi|Albanian|Latn|Indo-European|Albanian|
srd|Sardinian|Latn|Indo-European|Romance|
srp|Serbian|Cyrl|Indo-European|Slavic|hbs
ssw|Swati|Latn|Niger-Congo|Bantoid|
sun|Sundanese|Latn|Austronesian|Malayo-Sumbawan|
swa|Swahili (macrolanguage)|Latn|Niger-Congo|Bantoid|
swc|Congo Swahili|Latn|Niger-Congo|Bantoid|swa
swe|Swedish|Latn|Indo-European|Germanic|
swg|Swabian|Latn|Indo-European|Germanic|
swh|Swahili|Latn|Niger-Congo|Bantoid|swa
szl|Silesian|Latn|Indo-European|Slavic|
tam|Tamil|Taml|Dravidian|Southern Dravidian|
taq|Tamasheq|Latn|Afro-Asiatic|Berber|ber
tat|Tatar|Cyrl|Altaic|Turkic|
tel|Telugu|Telu|Dravidian|South-Central Dravidian|
tgk|Tajik|Cyrl|Indo-European|Iranian|
tgl|Tagalog|Latn|Austronesian|Greater Central Philippine|
tha|Thai|Thai|Tai-Kadai|Kam-Tai|
tir|Tigrinya|Ethi|Afro-Asiatic|Semitic|
tpi|Tok Pisin|Latn|||
tsn|Tswana|Latn|Niger-Congo|Bantoid|
tso|Tsonga|Latn|Niger-Congo|Bantoid|
tuk|Turkmen|Latn|Altaic|Turkic|
tum|Tumbuka|Latn|Niger-Congo|Bantoid|
tur|Turkish|Latn|Altaic|Turkic|
twi|Twi|Latn|Niger-Congo|Kwa|aka
tyv|Tuvan|Cyrl|Altaic|Turkic|
tzl|Talossan|Latn|||
tzm|Central Atlas Tamazight|Tfng|Afro-Asiatic|Berber|ber
uig|Uyghur|Arab|Altaic|Turkic|
ukr|Ukrainian|Cyrl|Indo-European|Slavic|
umb|Umbundu|Latn|Niger-Congo|Bantoid|
urd|Urdu|Arab|Indo-European|Indic|
uzb|Uzbek|Latn|Altaic|Turkic|
uzn|Northern Uzbek|Latn|Altaic|Turkic|uzb
vec|Venetian|Latn|Indo-European|Romance|
vep|Veps|Latn|Uralic|Finnic|
vie|Vietnamese|Latn|Austro-Asiatic|Viet-Muong|
vol|Volapük|Latn|||
war|Waray|Latn|Austronesian|Greater Central Philippine|
wln|Walloon|Latn|Indo-European|Romance|
wol|Wolof|Latn|Niger-Congo|Northern Atlantic|
wuu|Wu Chinese|Hans|Sino-Tibetan|Chinese|zho
xal|Kalmyk|Cyrl|Altaic|Mongolic|
xho|Xhosa|Latn|Niger-Congo|Bantoid|
xmf|Mingrelian|Geor|Kartvelian|Kartvelian|
ydd|Eastern Yiddish|Hebr|Indo-European|Germanic|yid
yid|Yiddish|Hebr|Indo-European|Germanic|
yor|Yoruba|Latn|Niger-Congo|Defoid|
yue|Cantonese|Hant|Sino-Tibetan|Chinese|zho
zho|Chinese|Hans|Sino-Tibetan|Chinese|
zsm|Standard Malay|Latn|Austronesian|Malayo-Sumbawan|msa
zul|Zulu|Latn|Niger-Congo|Bantoid|
`

// twoLetter maps ISO 639-1 codes to the codes of the table, for the hint that
// goes with their refusal.
const twoLetter = `
ab abk|af afr|ak aka|am amh|an arg|ar ara|as asm|av ava|az aze|ba bak|be bel|bg bul|bm bam|bn ben|bo bod|br bre|bs bos|
ca cat|ce che|ch cha|co cos|cs ces|cv chv|cy cym|da dan|de deu|dv div|dz dzo|ee ewe|el ell|en eng|eo epo|es spa|et est|
eu eus|fa fas|fi fin|fj fij|fo fao|fr fra|fy fry|ga gle|gd gla|gl glg|gn grn|gu guj|gv glv|ha hau|he heb|hi hin|hr hrv|
ht hat|hu hun|hy hye|ia ina|id ind|ie ile|ig ibo|io ido|is isl|it ita|ja jpn|jv jav|ka kat|kg kon|ki kik|kk kaz|km khm|
kn kan|ko kor|ks kas|ku kur|kw cor|ky kir|la lat|lb ltz|lg lug|li lim|ln lin|lo lao|lt lit|lv lav|mg mlg|mi mri|mk mkd|
ml mal|mn mon|mr mar|ms msa|mt mlt|my mya|nb nob|ne nep|nl nld|nn nno|no nor|ny nya|oc oci|om orm|or ori|os oss|pa pan|
pl pol|ps pus|pt por|qu que|rm roh|rn run|ro ron|ru rus|rw kin|sa san|sc srd|sd snd|sg sag|sh hbs|si sin|sk slk|sl slv|
sm smo|sn sna|so som|sq sqi|sr srp|ss ssw|st sot|su sun|sv swe|sw swa|ta tam|te tel|tg tgk|th tha|ti tir|tk tuk|tl tgl|
tn tsn|tr tur|ts tso|tt tat|tw twi|ug uig|uk ukr|ur urd|uz uzb|vi vie|vo vol|wa wln|wo wol|xh xho|yi yid|yo yor|zh zho|zu zul`
