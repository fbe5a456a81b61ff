package past

// What customers say, and who they are. Nobody of this name has any of these numbers.

var names = map[bool][]string{
	true:  {"نورة العتيبي", "محمد الشهري", "سارة حسن", "عبدالله القحطاني", "ليلى منصور", "يوسف إبراهيم", "هند الدوسري", "أحمد سالم", "فاطمة الزهراني", "خالد عمر", "ريم عبدالعزيز", "مصطفى كامل"},
	false: {"Ana Torres", "James Whitfield", "Priya Nair", "Oliver Brandt", "Chloé Martin", "Daniel Okafor", "Mei Tanaka", "Sophie Clarke", "Rashid Khan", "Elena Petrova", "Tom O'Brien", "Grace Adeyemi"},
}

var texts = map[bool][]string{
	true: {
		"السلام عليكم، هل الموعد غداً مؤكد؟", "متى يصل طلبي؟", "شكراً جزيلاً 🌷", "ممكن أغيّر الموعد إلى الساعة 5 مساءً؟", "هل المنتج متوفر باللون الأزرق؟",
		"كم سعر التوصيل إلى جدة؟", "لم يصلني رمز التأكيد", "أرسلت لكم صورة الفاتورة", "هل تقبلون الدفع عند الاستلام؟", "تمام، في انتظاركم", "أريد التحدث مع موظف من فضلك", "رقم الطلب 48213",
	},
	false: {
		"Hi, is my order on its way?", "Can I check in at 11 instead of 14?", "Thank you so much! 🙏", "Do you have a table for four tonight?", "The tracking page says delivered, but nothing came.",
		"Could you send me the invoice again?", "Is breakfast included?", "Please change the delivery to Thursday", "What is your address?", "Perfect, see you then", "I'd like to speak to a person please", "Order 48213",
	},
}

var buttons = map[bool][]string{true: {"تأكيد الموعد", "إلغاء", "تتبع الطلب"}, false: {"Confirm", "Cancel", "Track my parcel"}}

var documents = map[bool][]string{true: {"تقرير التحاليل.pdf", "فاتورة 48213.pdf"}, false: {"passport-scan.pdf", "invoice-48213.pdf"}}

var captions = map[bool][]string{true: {"وصل المنتج مكسوراً", "هذا الإيصال"}, false: {"Broken on arrival", "Left at the door like this"}}

var reactions = []string{"👍", "❤️", "😂", "🙏"}
